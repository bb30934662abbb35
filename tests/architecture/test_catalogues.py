"""The compiled catalogues are committed, so that running needs no gettext; they must say what their sources say."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]


def words(catalogue: Catalog) -> dict[object, object]:
    """What a person can get to see: no header, nothing that still waits for a translator (a plural waits as a tuple)."""
    return {
        (text_of(message.context), parts(message.id)): parts(message.string)
        for message in catalogue
        if message.id and any(message.string) and not message.fuzzy
    }


def text_of(context: str | bytes | None) -> str | None:
    """Babel reads the context of a compiled message as bytes."""
    return context.decode() if isinstance(context, bytes) else context


def parts(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """A plural comes as a tuple or a list, with or without the forms that Chinese does not have."""
    return (text,) if isinstance(text, str) else tuple(each for each in text if each)


class TestACompiledCatalogue:
    def test_says_what_its_source_says(self):
        sources = [path for app in ROOT.glob("*/locale") for path in app.glob("*/LC_MESSAGES/django.po")]
        stale = []
        for source in sources:
            compiled = source.with_suffix(".mo")
            with source.open("rb") as written:
                wanted = words(read_po(written))
            if not compiled.exists():
                stale.append(str(source.relative_to(ROOT)))
                continue
            with compiled.open("rb") as binary:
                if words(read_mo(binary)) != wanted:
                    stale.append(str(source.relative_to(ROOT)))
        assert stale == [], "run `make messages`"
