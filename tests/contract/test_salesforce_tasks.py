"""Tasks of a sandbox org: plain creates under our key in a text field, found again by it, for a person and a case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.adapters.salesforce import Salesforce
from connector.model import FieldUse, Ref, Select, StreamUse, Write
from connector.sandbox import Options, Sandbox
from tests.contract.salesforce_org import KEY, creates, open_


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(Options(orders=1, returns=0)) as made:
        yield made


@pytest.fixture
def service(box: Sandbox) -> Iterator[Salesforce]:
    made = open_(box)
    yield made
    made.close()


def task(service: Salesforce, key: str = "idle:_:500:task", **fields: str) -> Write:
    (case,) = service.write("Case", creates(1, OwnerId=Ref("queue", "Orders")))
    given = {"OwnerId": Ref("user", "agent1@acme.example"), "WhatId": case.target, "Subject": "Look again", **fields}
    return Write("create", key, given)


def test_a_task_is_made_for_a_person_about_a_case_and_found_by_our_key(box: Sandbox, service: Salesforce) -> None:
    assert service.streams["Task"].create == "plain", "no public page says that a field of Activity can be unique"
    write = task(service)
    (made,) = service.write("Task", [write])
    (found,) = box.control.tasks()
    assert (found["Id"], found["Subject"], found["WhatId"]) == (made.target, "Look again", write.fields["WhatId"])
    known = service.fetch("Task", [write.key], by="our_key", select=Select(fields=("Subject",)))
    assert known[write.key].key == made.target


def test_an_uncertain_create_asks_for_no_unique_field(service: Salesforce) -> None:
    write = task(service)
    (made,) = service.write("Task", [Write("create", write.key, write.fields, uncertain=True)])
    assert made.error is None


def test_a_queue_gets_no_task_and_its_row_alone_is_refused(service: Salesforce) -> None:
    write = task(service, OwnerId=Ref("queue", "Orders"))  # type: ignore[arg-type]
    good = Write("create", "other", {**write.fields, "OwnerId": Ref("user", "agent1@acme.example")})
    refused, made = service.write("Task", [write, good])
    assert refused.error is not None
    assert made.error is None


def test_a_check_asks_for_our_key_on_activities_and_not_that_it_be_unique(box: Sandbox, service: Salesforce) -> None:
    use = StreamUse("Task", writes=frozenset({"create"}))
    assert [problem for problem in service.check([use]).problems if problem.stream == "Task"] == []
    box.control.set(hidden_fields=frozenset({f"Task.{KEY}"}))
    (problem,) = [problem for problem in service.check([use]).problems if problem.stream == "Task"]
    assert f"create {KEY} on Activity" in problem.remedy
    assert "Unique" not in problem.remedy


@pytest.mark.parametrize("given", [True, False])
def test_an_org_that_nobody_has_prepared_takes_tasks_with_the_files_and_the_permission_set(given: bool) -> None:
    """Custom fields of Task are Activity's, their permissions Task's: no step is left for a hand."""
    subject = {"Subject": FieldUse("Subject", creates=True), "Topic__c": FieldUse("Topic__c", creates=True)}
    use = StreamUse("Task", writes=frozenset({"create"}), fields=subject)
    with Sandbox(Options(orders=1, bare=True)) as box:
        service = open_(box)
        assert next(each.setting for each in service.check([use]).problems if each.stream == "Task") == "key_field"
        made = service.setup([use], {})
        place = "force-app/main/default/objects/Activity/fields"
        assert {path for path in made.files if "/objects/" in path} == {
            f"{place}/{KEY}.field-meta.xml",
            f"{place}/Topic__c.field-meta.xml",
        }
        assert "<unique>false" in made.files[f"{place}/{KEY}.field-meta.xml"]
        assert f"CustomField Activity.{KEY}" in box.control.deploy_salesforce(dict(made.files))
        if given:
            box.control.assign_permission_set("Commerce_Case_Connector")
        problems = [each for each in service.check([use]).problems if each.stream == "Task"]
        assert (problems == []) == given
        if given:
            case = box.control.agent_create({"Subject": "Where is it?"})
            fields = {"OwnerId": Ref("user", "agent1@acme.example"), "WhatId": case, "Subject": "Look", "Topic__c": "x"}
            (done,) = service.write("Task", [Write("create", "idle:_:500:task", fields)])
            assert done.error is None
            (task,) = box.control.tasks()
            assert (task[KEY], task["Topic__c"]) == ("idle:_:500:task", "x")
        service.close()
