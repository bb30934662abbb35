from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest

from campaigns.services.misfits import misfit


@pytest.mark.parametrize(
    ("given", "wanted", "said"),
    [
        ("", Annotated[str, msgspec.Meta(min_length=1)], "This is missing."),
        ([], Annotated[list[int], msgspec.Meta(min_length=1)], "This is missing."),
        ("abc", Annotated[str, msgspec.Meta(max_length=2)], "At most 2 characters."),
        ([1, 2, 3], Annotated[list[int], msgspec.Meta(max_length=2)], "At most 2 fit."),
        (0, Annotated[int, msgspec.Meta(ge=1)], "This must be at least 1."),
        (91, Annotated[int, msgspec.Meta(le=90)], "This must be at most 90."),
        ("x", int, "This must be a whole number."),
        (1, str, "This must be text."),
        ("x", int | None, "This must be a whole number."),
        ("soon", datetime, "Give a time such as 2026-01-31T18:00:00+08:00, or a date."),
        (3, dict, "This does not fit: Expected `object`, got `int`"),
    ],
)
def test_what_does_not_fit_is_said_in_words(given: object, wanted: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, wanted)
    assert str(misfit(caught.value)) == said
