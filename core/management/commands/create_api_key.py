"""`create_api_key NAME --scopes a,b`: a key for an integrating system."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.models import Scope
from core.services.keys import create_api_key


class Command(BaseCommand):
    help = "Makes an API key and prints it, once, alone on the last line of stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="whose key it is: a system's name, shown wherever the key is")
        parser.add_argument("--scopes", required=True, help="comma-separated: " + ", ".join(Scope.values))

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            api_key, text = create_api_key(name=options["name"], scopes=scopes, now=timezone.now())
        except InvalidInput as error:
            raise CommandError("\n".join(str(problem.message) for problem in error.problems)) from error
        self.stdout.write(
            _("The key of “%(name)s” with %(scopes)s. It is shown only now; keep it safe.")
            % {"name": api_key.name, "scopes": ", ".join(api_key.scopes)}
        )
        self.stdout.write(text)
