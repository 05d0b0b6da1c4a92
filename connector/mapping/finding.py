"""`by:` of a flow that answers: an expression over the record that names the origin, in place of our key on it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from connector.document import Document
from connector.errors import Fault, MappingFault
from connector.mapping.compiled import FAILURES, NOTHING, site_number
from connector.mapping.draft import Draft, Path
from connector.mapping.functions import Work
from connector.mapping.scope import Scope
from connector.mapping.sites import Site
from connector.mapping.values import MOST_STEPS
from connector.model import Record


@dataclass(frozen=True, slots=True)
class Finding:
    """Satisfies `connector.flow.Finds`."""

    fields: frozenset[str] | None
    _document: Document = field(repr=False)
    _sites: list[Site] = field(repr=False)
    _work: Work = field(repr=False)

    def origins(self, record: Record) -> list[str]:
        """Keys of the records that this one answers, each once; none where the expression gives nothing. Raises MappingFault."""
        known = (record.fields, record, NOTHING, NOTHING, None, NOTHING, None, None, [MOST_STEPS])
        try:
            found: list[str] = self._work(*known)
        except FAILURES as error:
            site = self._sites[site_number(error.__traceback__) - 1]
            place = (
                self._document.place(site.path)
                if site.offset is None
                else self._document.inside(site.path, site.offset)
            )
            raise MappingFault(f"by: {error}", place=place, remedy=getattr(error, "remedy", "")) from error
        return found


def finding(document: Document, path: Path, written: Any, faults: list[Fault]) -> Finding | None:
    """The compiled expression at `path`; what is wrong with it goes into `faults`."""
    draft = Draft(document, lengths=None, appends=lambda stream: False, answers=False)
    draft.faults.clear()
    emitter = draft.emitter(Scope(origin=False, no_route="`by` sees the record alone"))
    value = emitter.value(draft.spot(path), written)
    name = draft.module.function(emitter, emitter.call("origins_of", value))
    if not emitter.variable and not draft.faults:
        remedy = 'by: "{{ Order_No__c }}" names a field of it'
        draft.fault(path, None, "`by` reads nothing of the record: every one would answer the same", remedy)
    faults += draft.faults
    if draft.faults:
        return None
    assert isinstance(value, ast.expr)
    reads = draft.reads
    return Finding(
        None if reads.whole else frozenset(reads.fields), document, draft.sites, draft.module.compiled()[name]
    )
