from enum import Enum as Enum
from enum import auto as auto
