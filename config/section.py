"""A table of gate.toml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of gate.toml; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
