from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report.markup import Markup, element, join, text

ANYTHING = st.text(st.characters())


@given(ANYTHING, ANYTHING)
def test_no_string_becomes_markup(content: str, attribute: str) -> None:
    found = ElementTree.fromstring(element("p", content, title=attribute))
    assert len(found) == 0
    assert found.tag == "p"
    assert list(found.attrib) == ["title"]


def test_a_hostile_string_is_escaped_once() -> None:
    assert element("p", "<script>&'\"", join("<b>", Markup("<br/>"))) == (
        "<p>&lt;script&gt;&amp;&#x27;&quot;&lt;b&gt;<br/></p>"
    )


def test_what_xml_cannot_hold_is_replaced() -> None:
    assert text("a\x00b\ud800c") == "a\ufffdb\ufffdc"


def test_attribute_names() -> None:
    assert element("a", class_="x", text_anchor="end", y=1.0, z=0.126, gone=None) == (
        '<a class="x" text-anchor="end" y="1" z="0.13"></a>'
    )


def test_empty_elements_are_closed_as_html_wants() -> None:
    assert element("div") == "<div></div>"
    assert element("meta", charset="utf-8") == '<meta charset="utf-8"/>'
