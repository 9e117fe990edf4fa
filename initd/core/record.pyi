from typing import Any, ClassVar, Self, dataclass_transform

@dataclass_transform(frozen_default=True)
class RecordType(type):
    _fields: ClassVar[tuple[str, ...]]

class Record(metaclass=RecordType):
    _fields: ClassVar[tuple[str, ...]]
    def replace(self, **changes: Any) -> Self: ...
