"""XML from a stranger, read to the last attribute: what nobody asks for is an error, with its name and line.

Documents with a DOCTYPE (so no entities), beyond `MAX_BYTES` or nested deeper than `MAX_DEPTH` are refused unread.
"""

import math
from collections.abc import Sequence

from lxml import etree

from mcproxy.errors import UserError

NAMESPACE = "http://ProjectMalmo.microsoft.com"
MAX_BYTES = 4 * 2**20
MAX_DEPTH = 16
_PREFIX = f"{{{NAMESPACE}}}"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Element:
    """One element, whose attributes, children and text are taken one by one; `finish` refuses what is left."""

    def __init__(self, node: etree._Element) -> None:
        if not isinstance(node.tag, str) or not node.tag.startswith(_PREFIX):
            raise UserError(f"mission XML, line {node.sourceline}: <{node.tag}> is not of the namespace {NAMESPACE}")
        self.name, self.line = node.tag.removeprefix(_PREFIX), node.sourceline
        self._attributes = dict(node.attrib)
        self._children = [child for child in node if isinstance(child.tag, str)]  # no comments
        self._text = node.text or ""
        self._stray = "".join(child.tail or "" for child in node).strip()

    def error(self, why: str) -> UserError:
        """The error that this element cannot be used."""
        return UserError(f"mission XML, line {self.line}: <{self.name}> {why}")

    def take(self, attribute: str, default: str | None = None, known: Sequence[str] = ()) -> str:
        """An attribute, one of the `known` values if there are any; without a default it must be there."""
        value = self._attributes.pop(attribute, default)
        if value is None:
            raise self.error(f"lacks the attribute {attribute}")
        if known and value not in known:
            raise self.error(f"has {attribute}={value[:40]!r}: the engine knows {', '.join(known)}")
        return value

    def number(self, attribute: str, default: float | None = None) -> float:
        """An attribute that is a finite number."""
        return self._number(self.take(attribute, None if default is None else str(default)), attribute)

    def whole(self, attribute: str, default: int | None = None) -> int:
        """An attribute that is a whole number."""
        value = self.number(attribute, default)
        if value != int(value) or abs(value) > 2**31:
            raise self.error(f"has {attribute}={value:g}: expected a whole number")
        return int(value)

    def boolean(self, attribute: str, default: bool | None = None) -> bool:
        """An attribute that is true or false."""
        value = self.take(attribute, None if default is None else str(default).lower()).lower()
        if value not in _BOOLEANS:
            raise self.error(f"has {attribute}={value[:40]!r}: expected true or false")
        return _BOOLEANS[value]

    def text(self) -> str:
        """The text of this element, without the white space around."""
        text, self._text = self._text.strip(), ""
        return text

    def child(self, name: str) -> "Element | None":
        """The child of that name, if there is one; two are an error."""
        found = self.children(name)
        if len(found) > 1:
            raise found[1].error("is there twice, expected once")
        return found[0] if found else None

    def needed(self, name: str) -> "Element":
        """The child of that name, which must be there."""
        found = self.child(name)
        if found is None:
            raise self.error(f"lacks <{name}>")
        return found

    def children(self, *names: str) -> list["Element"]:
        """All children of these names, in their order."""
        taken = [child for child in self._children if child.tag.removeprefix(_PREFIX) in names]
        self._children = [child for child in self._children if child not in taken] if taken else self._children
        return [Element(child) for child in taken]

    def words(self, name: str, default: str | None = None) -> str | None:
        """The text of the child of that name, which has nothing else."""
        child = self.child(name)
        if child is None:
            return default
        text = child.text()
        child.finish()
        return text

    def count(self, name: str, default: int | None = None) -> int:
        """The whole number that is the text of a child."""
        text = self.words(name, None if default is None else str(default))
        if text is None or not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 10:
            raise self.error(f"has {name} {(text or '')[:40]!r}: expected a whole number")
        return int(text)

    def finish(self) -> None:
        """Refuse what nobody has taken."""
        if self._attributes:
            raise self.error(f"has the attribute {min(self._attributes)!r}, which the engine does not implement")
        if self._children:
            raise Element(self._children[0]).error(f"in <{self.name}> is not implemented by the engine")
        if self._text.strip() or self._stray:
            raise self.error(f"has the text {(self._text.strip() or self._stray)[:40]!r}, expected none")

    def _number(self, text: str, attribute: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"has {attribute}={text[:40]!r}: expected a number")
        return value


def parse(document: bytes | str) -> Element:
    """The root element of a document."""
    raw = document.encode() if isinstance(document, str) else document
    if len(raw) > MAX_BYTES:
        raise UserError(f"mission XML of {len(raw)} bytes, expected {MAX_BYTES} at most")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise UserError("mission XML with a DOCTYPE or entities: expected none")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UserError(f"mission XML cannot be read: {str(error)[:200]}") from None
    if root.getroottree().docinfo.internalDTD is not None:  # in another encoding
        raise UserError("mission XML with a DOCTYPE or entities: expected none")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise UserError(f"mission XML is nested more than {MAX_DEPTH} elements deep")
    return Element(root)
