import pytest

from rules.ast import All, Any, Compare, Everyone, InSegment, Not, at, fields_in, leaves, segments_in, walk


class TestNodes:
    @pytest.mark.parametrize("group", [All, Any])
    def test_a_group_is_never_empty(self, group):
        with pytest.raises(ValueError, match="at least one"):
            group(())

    def test_equality_ignores_where_a_node_stood(self):
        assert Compare("city", "=", "Wuhan", "rules[0]") == Compare("city", "=", "Wuhan", "value")
        assert hash(Everyone("a")) == hash(Everyone("b"))

    def test_equality_heeds_everything_else(self):
        assert Compare("city", "=", "Wuhan") != Compare("city", "=", "wuhan")
        assert All((Everyone(),)) != Any((Everyone(),))


class TestWalking:
    RULE = Not(
        All(
            (
                Compare("city", "=", "Wuhan", "rules[0]"),
                Any((InSegment("a", "rules[1].rules[0]"), Everyone("rules[1].rules[1]")), "rules[1]"),
            )
        )
    )

    def test_leaves_come_in_the_order_of_the_document(self):
        assert [leaf.path for leaf in leaves(self.RULE)] == ["rules[0]", "rules[1].rules[0]", "rules[1].rules[1]"]

    def test_walk_meets_every_node_once(self):
        assert [type(node).__name__ for node in walk(self.RULE)] == [
            "Not", "All", "Compare", "Any", "InSegment", "Everyone",
        ]  # fmt: skip

    def test_names_what_a_rule_reads(self):
        assert fields_in(self.RULE) == {"city"}
        assert segments_in(self.RULE) == {"a"}


class TestAt:
    def test_joins_keys_and_indexes(self):
        assert at("", "rules") == "rules"
        assert at(at("", "rules"), 2) == "rules[2]"
        assert at(at(at("", "rules"), 2), "value") == "rules[2].value"
