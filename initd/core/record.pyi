from typing import Any, Self, dataclass_transform

@dataclass_transform(frozen_default=True)
class RecordType(type):
    _fields: tuple[str, ...]

class Record(metaclass=RecordType):
    _fields: tuple[str, ...]
    def replace(self, **changes: Any) -> Self: ...
