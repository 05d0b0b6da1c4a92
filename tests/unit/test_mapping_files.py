"""Files in mappings: what a record asks for, and which streams take them."""

from __future__ import annotations

from connector.adapter import Stream
from connector.config.files import file_faults
from connector.document import load
from connector.mapping.compile import compile_mapping
from connector.mapping.own_tests import run_tests
from connector.model import File
from tests.unit.mappings import compiled, parked, record, value

FIELD = {"file": "{{ url }}", "types": ["application/pdf", "image/jpeg"], "largest": "10MB", "write": "once"}
MAPPING = """\
fields: {Subject: "Claim {{ record.key }}"}
also:
  - id: files
    to: destination.Upload
    for: "{{ documents | json }}"
    key: "{{ this.id }}"
    write: once
    fields: {Title: "{{ this.name }}", Data: {file: "{{ this.url }}", types: [application/pdf], largest: 500KB}}
tests:
  - name: each document is a file
    record: {key: C-1, fields: {documents: '[{"id": "d1", "name": "receipt", "url": "https://m.example/r.pdf"}]'}}
    writes:
      - {to: destination.Case, fields: {Subject: Claim C-1}}
      - {line: files, key: d1, fields: {Title: receipt, Data: {file: "https://m.example/r.pdf"}}}
"""


def test_a_field_is_a_file_by_where_it_is_its_types_and_its_size() -> None:
    assert value(FIELD, url="https://m.example/r.pdf") == File(
        "https://m.example/r.pdf", ("application/pdf", "image/jpeg"), 10_000_000
    )
    assert value({**FIELD, "largest": "500KB"}, url="QUJD").largest == 500_000
    assert value({**FIELD, "largest": 42}, url="QUJD").largest == 42


def test_where_there_is_no_url_there_is_no_file() -> None:
    assert value(FIELD) is None
    assert value(FIELD, url="") is None
    assert "no value for a required field" in str(parked({**FIELD, "required": True}))


def test_what_is_no_text_is_no_file() -> None:
    fault = parked(FIELD, url=["https://m.example/r.pdf"])
    assert "neither a URL nor base64" in str(fault)
    assert fault.field == "F"


def test_the_mapping_s_own_tests_name_a_file_by_where_it_is() -> None:
    (outcome,) = run_tests(compiled(MAPPING))
    assert outcome.passed, [str(each) for each in outcome.failures]
    (outcome,) = run_tests(
        compiled(
            MAPPING.replace("largest: 500KB}}", "largest: 500KB}}", 1).replace(
                'Data: {file: "https://m.example/r.pdf"}}}', 'Data: {file: "https://m.example/other"}}}'
            )
        )
    )
    assert "Data: expected" in str(outcome.failures[0])


def test_files_are_found_per_line() -> None:
    lines = {line.id: line.files for line in compiled(MAPPING).lines}
    assert lines == {"main": frozenset(), "files": frozenset({"Data"})}


def faults(text: str, stream: Stream) -> list[str]:
    document = load("m.yaml", text)
    known = {"destination.Upload": stream, "desk.Case": Stream("Case", "Id", writes=frozenset({"create", "update"}))}
    found = file_faults(compile_mapping(document), document, known.get, "desk.Case")
    return [f"{fault.place.line}:{fault.place.column} {fault.message}" for fault in found]


UPLOAD = Stream("Upload", "Id", writes=frozenset({"create"}), files=frozenset({"Data"}))


def test_a_stream_takes_files_where_it_says_so_only() -> None:
    assert faults(MAPPING, UPLOAD) == []
    assert faults(MAPPING, Stream("Upload", "Id", writes=frozenset({"create"}))) == [
        "8:40 'Data' of destination.Upload takes no file"
    ]
    main = 'fields: {Picture: {file: "{{ u }}", types: [text/csv], largest: 1MB, write: once}}\n'
    assert faults(main, UPLOAD) == ["1:10 'Picture' of desk.Case takes no file"]


def test_what_can_only_be_made_is_never_asked_to_change() -> None:
    text = MAPPING.replace("    write: once\n", "").replace("500KB}", "500KB, write: on-create}", 1)
    assert faults(text, UPLOAD) == ["7:14 'Title' would be changed later, and Upload can only be made"]


def test_a_record_with_a_file_is_the_same_record_again() -> None:
    one = compiled(MAPPING)
    mapped = [one.map(record("C-1", documents='[{"id": "d1", "name": "r", "url": "QUJD"}]')) for _ in range(2)]
    assert mapped[0].lines[1].values == mapped[1].lines[1].values
