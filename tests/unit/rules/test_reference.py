import ast
import re
from pathlib import Path

import rules
from rules.fields import FieldType
from rules.operators import OPERATORS
from rules.parse import LIMITS
from rules.segments import DEEPEST, MOST_BEHAVIOURS, MOST_LEAVES

SOURCES = Path(rules.__file__).parent
PAGE = (SOURCES.parent / "docs" / "reference" / "rule-language.md").read_text(encoding="utf-8")


def first_cells(heading):
    """This function will give what stands in code quotes in the first column of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def codes_raised():
    """This function will find the codes in the sources: the second argument of whatever notes an error."""
    for path in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="add" | "add_last" | "_unknown") | ast.Name(id="refuse" | "_gone"),
                    args=[_, ast.Constant(value=code), *_],
                ):
                    yield code


class TestTheReferencePage:
    def test_lists_every_operator_in_order(self):
        assert first_cells("Operators") == list(OPERATORS)

    def test_lists_every_type(self):
        assert first_cells("Types of fields and their values") == [type_.value for type_ in FieldType]

    def test_lists_every_error_code_and_no_other(self):
        assert set(first_cells("Errors")) == set(codes_raised())

    def test_states_the_limits(self):
        limits = [LIMITS.depth, LIMITS.leaves, LIMITS.list_values, LIMITS.rule_values, LIMITS.text_chars, LIMITS.behaviours]
        stated = re.findall(r"^\| [^|]+ \| ([\d,]+)", PAGE.split("\n## Limits\n")[1].split("\n## ")[0], re.MULTILINE)
        assert stated == [f"{number:,}" for number in [*limits, DEEPEST, MOST_LEAVES, MOST_BEHAVIOURS, LIMITS.errors]]
