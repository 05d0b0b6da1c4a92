"""Faults in a mapping's file: all at once, with file, line, column and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import ConfigFault
from connector.mapping.compile import load_mapping
from tests.unit.mappings import compiled, faults, only_fault

FIELDS = "fields: {A: 1}\n"
FILE = 'file: "{{ u }}"'


def also(line: str) -> str:
    return f"{FIELDS}also:\n  - {line}\n"


@pytest.mark.parametrize(
    ("text", "place", "says", "remedy"),
    [
        ("sumary: x\n" + FIELDS, "1:1", "a mapping has no 'sumary'", "did you mean 'summary'?"),
        ("[1]", "1:1", "a mapping is an object, not a list", ""),
        ("summary: [x]\n" + FIELDS, "1:10", "summary is text", ""),
        ("", "0:0", "the mapping is empty", "docs/mapping.md"),
        ("summary: x", "1:1", "the mapping writes nothing", "add `fields` or `also`"),
        ("fields: {A: 1, A: 2}", "1:16", "key 'A' stands twice", "line 1"),
        ("fields: {A: {frm: x, from: 1}}", "1:14", "a field has no 'frm'", "did you mean 'from'?"),
        ("fields: {A: {map: {a: b}}}", "1:10", "one of from, ref, choice or file", ""),
        ("fields: {A: {from: 1, ref: queue, name: x}}", "1:10", "one of from, ref, choice or file", "keep one"),
        ("fields: {A: {ref: queue}}", "1:10", "ref needs 'name'", ""),
        ('fields: {A: {ref: "{{ x }}", name: y}}', "1:19", "without braces", ""),
        ("fields: {A: {from: 1, write: oncreate}}", "1:30", "unknown write policy 'oncreate'", "did you mean 'on-create'?"),
        ("fields: {A: {from: 1, required: yes}}", "1:33", "true or false, not text", ""),
        ("fields: {A: {from: 1, otherwise: 2}}", "1:23", "'otherwise' needs 'map'", ""),
        ("fields: {A: {from: 1, map: {}}}", "1:28", "map is empty", ""),
        ('fields: {A: {from: 1, map: {a: "{{ b }}"}}}', "1:32", "without braces", ""),
        (f"fields: {{A: {{{FILE}, types: [text/csv], largest: 1MB}}}}", "1:10", "a file is sent one time", "write: once"),
        (f"fields: {{A: {{{FILE}, largest: 1MB, write: once}}}}", "1:10", "a file needs 'types'", "application/pdf"),
        (f"fields: {{A: {{{FILE}, types: [text/csv], write: once}}}}", "1:10", "a file needs 'largest'", "10MB"),
        (f"fields: {{A: {{{FILE}, types: [image/jpg], largest: 1MB, write: once}}}}", "1:39",
         "unknown type of file 'image/jpg'", "did you mean 'image/jpeg'?"),
        (f"fields: {{A: {{{FILE}, types: [text/html], largest: 1MB, write: once}}}}", "1:39", "unknown type of file", "known:"),
        (f"fields: {{A: {{{FILE}, types: [text/csv], largest: 1GB, write: once}}}}", "1:59", "'1GB' is no size", "at most 100MB"),
        (f"fields: {{A: {{{FILE}, types: [text/csv], largest: 101MB, write: once}}}}", "1:59", "'101MB' is no size", "100MB"),
        (f"fields: {{A: {{{FILE}, types: [text/csv], largest: 0, write: once}}}}", "1:59", "'0' is no size", "500KB"),
        ("fields: {A: {file: [x], types: [text/csv], largest: 1MB, write: once}}", "1:20", "a template that gives a URL", ""),
        ("fields: {A: {from: x, types: [text/csv]}}", "1:23", "a field has no 'types'", ""),
        ("fields: {A: [1]}", "1:13", "not a list", ""),
        ("fields: {A: {from: 1, omit: x}}", "1:29", "omit needs one expression in braces", ""),
        ("fields: A", "1:9", "fields is an object, not text", ""),
        ("when: IsClosed\n" + FIELDS, "1:7", "when needs one expression in braces", "{{ … }}"),
        ('when: "{{ a }} {{ b }}"\n' + FIELDS, "1:8", "when needs one expression in braces", ""),
        ("key: x\nalso: [{id: a, to: destination.X, fields: {A: 1}}]", "1:1", "'key' needs main fields", ""),
        ("key: x\n" + FIELDS, "2:13", "several records may share", "on-create"),
        # routes
        ('routes: [{queue: A}, {when: "{{ a }}", queue: B}]\nfields: {A: "{{ route.queue }}"}', "1:10", "never reached", ""),
        ('routes: [{queue: A, prio: 1}]\nfields: {A: "{{ route.queue }}"}', "1:21", "no field reads route.prio", ""),
        ('routes: [{queue: A}]\nfields: {A: "{{ route.queue }}{{ route.quue }}"}',
         "2:34", "no route gives 'quue'", "did you mean 'queue'?"),
        ('fields: {A: "{{ route.queue }}"}', "1:17", "'route' is not known here", "no routes"),
        ('routes: [{when: true}, {queue: A}]\nfields: {A: "{{ route.queue }}"}', "1:10", "a route gives nothing", ""),
        ('routes: [{queue: [A]}]\nfields: {A: "{{ route.queue }}"}', "1:18", "text or a template", ""),
        ('routes: [{queue: A}]\nfields: {A: "{{ route }}"}\nalso: [{id: x, to: destination.X, fields: {A: "{{ route.queue }}"}}]',
         "2:17", "route alone has no value", "route.name"),
        # lookups
        ("lookups: {order: {stream: orders, key: a}}\n" + FIELDS, "1:27", "not the name of a stream", "source.orders"),
        ("lookups: {order: {key: a}}\n" + FIELDS, "1:11", "needs 'stream'", ""),
        ("lookups: {order: {stream: source.orders}}\n" + FIELDS, "1:11", "'key' or 'keys'", ""),
        ("lookups: {order: {stream: source.orders, key: a, keys: b}}\n" + FIELDS, "1:11", "'key' or 'keys'", ""),
        ("lookups: {order: {stream: source.orders, keys: a}}\n" + FIELDS, "1:48", "keys needs one expression", ""),
        ("lookups: {route: {stream: source.orders, key: a}}\n" + FIELDS, "1:11", "the word has a meaning", ""),
        ("lookups: {or-der: {stream: source.orders, key: a}}\n" + FIELDS, "1:11", "is not a name", ""),
        ("lookups: {o: {stream: source.orders, key: a, missing: {wait: 15}}}\n" + FIELDS, "1:62", "not a duration", "15m"),
        ("lookups: {o: {stream: source.orders, key: a, missing: {then: parked}}}\n" + FIELDS,
         "1:62", "unknown way 'parked'", "did you mean 'park'?"),
        # lines
        (also("{to: destination.X, fields: {A: 1}}"), "3:5", "needs an 'id'", ""),
        (also("{id: main, to: destination.X, fields: {A: 1}}"), "3:10", "'main' is the id of the main line", ""),
        (also("{id: a b, to: destination.X, fields: {A: 1}}"), "3:10", "1 to 40 letters", ""),
        (also("{id: a, to: destination.X, fields: {A: 1}}\n  - {id: a, to: destination.X, fields: {A: 1}}"),
         "4:10", "id 'a' stands twice", ""),
        (also("{id: a, fields: {A: 1}}"), "3:5", "needs 'to'", "destination.CaseComment"),
        (also("{id: a, to: X, fields: {A: 1}}"), "3:17", "'X' is not the name of a stream", ""),
        (also("{id: a, to: destination.X}"), "3:5", "needs 'fields'", ""),
        (also("{id: a, to: destination.X, form: x, fields: {A: 1}}"), "3:32", "has no 'form'", "did you mean 'for'?"),
        (also('{id: a, to: destination.X, for: "{{ x }}", fields: {A: 1}}'), "3:32", "'for' needs 'key'", "this.id"),
        (also("{id: a, to: destination.X, as: x, fields: {A: 1}}"), "3:32", "'as' needs 'for'", ""),
        (also('{id: a, to: destination.X, for: "{{ x }}", as: route, key: k, fields: {A: 1}}'),
         "3:48", "the word has a meaning", ""),
        (also("{id: a, to: destination.X, after: [b], fields: {A: 1}}"), "3:40", "unknown line 'b'", "known: a, main"),
        (also("{id: a, to: destination.X, after: b, fields: {A: 1}}"), "3:39", "after is a list", ""),
        (also("{id: a, to: destination.X, write: twice, fields: {A: 1}}"), "3:39", "unknown write policy 'twice'", ""),
        (also("{id: a, to: destination.X, target: [x], fields: {A: 1}}"), "3:40", "text or a template", ""),
        ("also: [{id: a, to: main, fields: {A: 1}}]", "1:20", "'to: main' needs main fields", ""),
        # words
        ('fields: {A: "{{ main.id }}"}', "1:17", "'main.id' is not known here", "lines under also"),
        ('also: [{id: a, to: destination.X, fields: {A: "{{ main.id }}"}}]',
         "1:51", "'main.id' is not known here", "no main fields"),
        (also('{id: a, to: destination.X, key: "{{ main.id }}", fields: {A: 1}}'), "3:41", "'main.id' is not known here", ""),
        (also('{id: a, to: destination.X, when: "{{ main.id }}", fields: {A: 1}}'), "3:42", "'main.id' is not known here", ""),
        (also('{id: a, to: destination.X, fields: {A: "{{ main.status }}"}}'), "3:48", "main has nothing but 'main.id'", ""),
        ('fields: {A: "{{ this.x }}"}', "1:17", "'this' is known in lines with `for` only", ""),
        (also('{id: a, to: destination.X, for: "{{ x }}", as: item, key: "{{ this.id }}", fields: {A: 1}}'),
         "3:67", "'this' is not known", "'item'"),
        ('fields: {A: "{{ now }}"}', "1:17", "'now' is not known here", "once_per"),
        ('fields: {A: "{{ origin }}"}', "1:17", "origin alone", "origin.key"),
        ('lookups: {o: {stream: source.x, key: "{{ route.a }}"}}\n' + FIELDS, "1:42", "'route' is not known here", ""),
        # expressions
        ('fields: {A: "{{ x "}', "1:17", "end of print statement", "every {{ needs its }}"),
        ('fields: {A: "{{ x && y }}"}', "1:19", "unexpected char '&'", "write and, or, not"),
        ("fields:\n  A: |\n    one\n    {% if x %}two\n", "4:15", "endif", ""),
        ("fields:\n  A: |\n    one\n    {{ x | nope }}\n", "4:8", "unknown filter 'nope'", "known:"),
    ],
)  # fmt: skip
def test_a_fault_says_what_where_and_the_way_out(text: str, place: str, says: str, remedy: str) -> None:
    fault = only_fault(text)
    assert says in fault.message
    assert remedy in fault.remedy
    line, column = (int(part) for part in place.split(":"))
    assert (fault.place.file, fault.place.line, fault.place.column) == ("m.yaml", line, column)


def test_all_faults_come_at_once_and_in_file_order() -> None:
    found = faults(
        'wen: 1\nfields:\n  A: "{{ x | lowr }} {{ y() }}"\n  B: {fro: 1}\nalso:\n  - {id: a, to: X, fields: {F: 1}}\n'
    )
    assert [fault.place.line for fault in found] == [1, 3, 3, 4, 4, 6]
    assert str(found[0]) == (
        "m.yaml:1:1  a mapping has no 'wen'\n"
        "            did you mean 'when'? known: also, each, fields, gone, key, leave, lookups, once_per, refused, routes, "
        "summary, target, tests, undo, when, while"
    )


def test_origin_is_known_in_answering_flows_only() -> None:
    text = 'fields: {A: "{{ origin.x }}"}'
    assert compiled(text, answers=True).uses_origin
    assert compiled(text).uses_origin, "a mapping's own tests know no flow"
    assert "only a flow that answers" in only_fault(text, answers=False).remedy


@pytest.mark.parametrize(
    ("line", "well"),
    [
        ('{id: n, to: destination.orders.notes, fields: {text: "{{ a }}"}}', False),
        ('{id: n, to: destination.orders.notes, key: note, fields: {text: "{{ a }}"}}', False),
        ('{id: n, to: destination.log, fields: {text: "{{ a }}"}}', False),
        ('{id: n, to: destination.orders.notes, key: "{{ a }}", fields: {text: "{{ a }}"}}', True),
        ('{id: n, to: destination.orders.notes, write: once, fields: {text: "{{ a }}"}}', True),
        ("{id: n, to: destination.orders.notes, fields: {text: received}}", True),
        ('{id: n, to: destination.orders, fields: {text: "{{ a }}"}}', True),
    ],
)
def test_an_append_under_a_constant_key_with_variable_text_is_a_fault(line: str, well: bool) -> None:
    def appends(stream: str) -> bool:
        return stream.endswith((".notes", ".log"))

    if well:
        compiled(also(line), appends=appends)
    else:
        assert "a later text would never be sent" in only_fault(also(line), appends=appends).message


def test_streams_called_notes_append_even_if_nobody_says_so() -> None:
    assert (
        "appends under one key" in only_fault(also('{id: n, to: shop.orders.notes, fields: {text: "{{ a }}"}}')).message
    )


def test_lines_that_wait_for_one_another_are_a_fault() -> None:
    text = f"""{FIELDS}also:
  - {{id: a, to: destination.X, after: [b], fields: {{A: 1}}}}
  - {{id: b, to: destination.X, after: [a], fields: {{A: 1}}}}
  - {{id: c, to: destination.X, after: [main], fields: {{A: 1}}}}
"""
    assert [fault.message for fault in faults(text)] == ["lines wait for one another: a, b"] * 2
    assert "wait for one another" in only_fault(also("{id: a, to: destination.X, after: [a], fields: {A: 1}}")).message


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("{record: {}, writes: []}", "needs a 'name'"),
        ("{name: x, writes: []}", "needs a 'record'"),
        ("{name: x, record: {}}", "expects one of writes, filtered, parked or told"),
        ("{name: x, record: {}, writes: [], parked: y}", "expects one of writes, filtered, parked or told"),
        ("{name: x, record: {kay: 1}, writes: []}", "has no 'kay'"),
        ("{name: x, record: {fields: [1]}, writes: []}", "fields is an object"),
        ("{name: x, record: {}, lookups: {ordr: {}}, writes: []}", "unknown lookup 'ordr'"),
        ("{name: x, record: {}, writes: [{to: source.X}]}", "no line writes 'source.X'"),
        ("{name: x, record: {}, writes: [{line: y}]}", "no line writes 'y'"),
        ("{name: x, record: {}, writes: [{fields: {B: 1}}]}", "no such line writes 'B'"),
        ("{name: x, record: {}, writes: [{feelds: {A: 1}}]}", "has no 'feelds'"),
        ("{name: x, record: {}, writes: []}\n  - {name: x, record: {}, writes: []}", "two tests are called 'x'"),
    ],
)
def test_a_test_that_cannot_be_right_is_a_fault(test: str, says: str) -> None:
    assert says in only_fault(f"{FIELDS}tests:\n  - {test}\n").message


def test_a_file_that_does_not_exist_is_a_fault_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "return-to-case.yaml").write_text(FIELDS)
    assert load_mapping(str(tmp_path / "return-to-case.yaml")).lines
    with pytest.raises(ConfigFault, match=r"did you mean 'return-to-case\.yaml'"):
        load_mapping(str(tmp_path / "returns-to-case.yaml"))


def test_a_field_that_goes_on_create_only_is_refused_where_a_target_says_that_the_object_is_there() -> None:
    """It counted as sent and never went: nothing makes the object that a line names by its target."""
    text = """target: '{{ no }}'
fields:
  A: {from: '{{ a }}', write: on-create}
  B: {from: '{{ b }}', write: once}
"""
    fault = only_fault(text)
    assert (fault.place.line, fault.place.column) == (3, 6)
    assert "would never be sent" in fault.message
    assert "write: once" in fault.remedy
