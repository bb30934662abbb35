"""What counts as a link in a message. An address that was sent names a link by its place for ever: change nothing here."""

from __future__ import annotations

import pytest

from campaigns.actions.links import LONGEST_LINK, hosts_in, links_in


def found(text: str) -> list[str]:
    links = links_in(text)
    assert [text[link.start : link.end] for link in links] == [link.address for link in links]
    return [link.address for link in links]


class TestALink:
    @pytest.mark.parametrize(
        ("text", "addresses"),
        [
            ("See https://shop.example/a?b=1&c=%E8%8C%B6#d now", ["https://shop.example/a?b=1&c=%E8%8C%B6#d"]),
            ("HTTP://SHOP.EXAMPLE and https://b.example", ["HTTP://SHOP.EXAMPLE", "https://b.example"]),
            ("https://a.example?next=https://b.example", ["https://a.example?next=https://b.example"]),
            ('<a href="https://a.example/x">x</a>', ["https://a.example/x"]),
            ("no link: shop.example, ftp://a.example, http:// and https://?a=b", []),
            ("mail anna@a.example", []),
        ],
    )
    def test_is_an_address_of_the_web(self, text: str, addresses: list[str]) -> None:
        assert found(text) == addresses

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("Look at https://a.example/x.", "https://a.example/x"),
            ("(https://a.example/x)", "https://a.example/x"),
            ("(see https://a.example/x_(tea), please)", "https://a.example/x_(tea)"),
            ("https://a.example/x?!", "https://a.example/x"),
            ("[https://a.example/x[1]]", "https://a.example/x[1]"),
        ],
    )
    def test_ends_before_the_sentence_it_stands_in(self, text: str, address: str) -> None:
        assert found(text) == [address]

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("点击https://t.example/abc领券", "https://t.example/abc"),
            ("详见https://t.example/abc。拒收请回复R", "https://t.example/abc"),
            ("【茶】https://t.example/abc/领券", "https://t.example/abc/"),
        ],
    )
    def test_ends_before_chinese_text(self, text: str, address: str) -> None:
        assert found(text) == [address]

    @pytest.mark.parametrize(
        "text",
        [
            "https://a.example/?name=张三",
            "https://a.example/tea-茶",
            "https://a.example/a|b",
            "https://a.example\\@b.example/",
            "http://[::1/x",
            "https://a.example/" + "x" * LONGEST_LINK,
        ],
    )
    def test_is_none_where_nobody_knows_where_it_ends_or_leads(self, text: str) -> None:
        assert found(text) == []

    def test_says_its_host_with_whatever_stands_beside_it(self) -> None:
        text = "https://a.example@B.example:8443/ http://a.example"
        assert hosts_in(text) == {"a.example@b.example:8443", "a.example"}
