"""How a body is read: as JSON by the book, fast, and without what a database cannot keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import JSONParser

from core.api.problems import Unparsable


class StrictJSONParser(JSONParser):
    """No NaN, no infinity, no lone surrogates, no byte order mark; depth and numbers within reason. Else 400."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return msgspec.json.decode(stream.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unparsable(_("The body is not JSON: %(reason)s.") % {"reason": str(error).rstrip(".")}) from error
        except RecursionError as error:
            raise Unparsable(_("The body is nested too deep.")) from error
