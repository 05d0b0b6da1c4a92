"""One entry of a field that is a map is named in brackets, where the stream says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load_config
from connector.errors import ConfigFault

CONFIG = """\
connections:
  shop: {adapter: sfcc, url: "https://shop.example", site: RefArch, client_id: me, client_secret: s}
  desk: {adapter: jsonl, folder: desk}
store: sqlite:///ledger.db
flows:
  recalls: {from: desk.cases, to: shop.%s, mapping: recall.yaml}
"""
MAPPING = """\
summary: Products of a recall.
each: {of: "{{ products }}", as: product}
target: "{{ product }}"
fields: {"online_flag[default@RefArch]": false}
"""


def lay_out(folder: Path, stream: str) -> Path:
    (folder / "recall.yaml").write_text(MAPPING)
    (folder / "config.yaml").write_text(CONFIG % stream)
    return folder / "config.yaml"


def test_products_have_entries_of_their_fields(tmp_path: Path) -> None:
    assert set(load_config(lay_out(tmp_path, "products")).flows) == {"recalls"}


def test_a_stream_without_entries_refuses_brackets_where_they_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault) as caught:
        load_config(lay_out(tmp_path, "orders"))
    (fault,) = caught.value.faults
    assert "has no entries of a field" in fault.message
    assert (fault.place.line, fault.place.column) == (4, 10)
