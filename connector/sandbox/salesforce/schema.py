"""The objects of the sample org: Case with the fields of the shipped mappings, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.sandbox.salesforce.fields import Field

KEY_FIELD = "Commerce_Key__c"


def system(name: str, kind: str = "datetime", **more: Any) -> Field:
    return Field(name=name, kind=kind, createable=False, updateable=False, **more)


def custom(name: str, kind: str = "string", length: int = 255, **more: Any) -> Field:
    if kind in ("double", "datetime", "boolean"):
        length = 0
    return Field(name=name, kind=kind, length=length, label=name[:-3].replace("_", " "), custom=True, **more)


STAMPS = (
    system("Id", "id", length=18),
    system("IsDeleted", "boolean"),
    system("CreatedDate"),
    system("CreatedById", "reference", length=18, refers=("User",)),
    system("SystemModstamp"),
)
MODIFIED = (
    system("LastModifiedDate"),
    system("LastModifiedById", "reference", length=18, refers=("User",)),
)


@dataclass(frozen=True, slots=True)
class Object:
    """One sObject: its columns, the prefix of its ids, its parents by relationship name."""

    name: str
    prefix: str
    fields: tuple[Field, ...]
    relations: Mapping[str, str] = field(default_factory=dict)
    """Relationship name → the reference field behind it."""
    parent: str = ""
    """A reference field that queries look rows up by."""
    createable: bool = False
    updateable: bool = False
    required: tuple[str, ...] = ()
    label: str = ""

    @property
    def by_name(self) -> dict[str, Field]:
        return {f.name: f for f in self.fields}


CASE = Object(
    "Case",
    "500",
    (
        *STAMPS,
        *MODIFIED,
        system("CaseNumber", "string", length=30),
        system("IsClosed", "boolean"),
        system("ClosedDate"),
        system("IsClosedOnCreate", "boolean"),
        system("MasterRecordId", "reference", length=18, refers=("Case",)),
        system("ContactEmail", "email", length=80),
        system("ContactPhone", "phone", length=40),
        Field(name="Subject", length=255),
        Field(name="Description", kind="textarea", length=32000, filterable=False),
        Field(name="Status", kind="picklist", length=255, values=("New", "Working", "Escalated", "Closed"),
              restricted=True, default="New"),
        Field(name="Origin", kind="picklist", length=255, values=("Web", "Phone", "Email", "Commerce")),
        Field(name="Priority", kind="picklist", length=255, values=("High", "Medium", "Low"), restricted=True,
              default="Medium"),
        Field(name="Type", kind="picklist", length=255, values=(
            "Order Exception", "Return", "Complaint", "Warranty Claim", "Dispute", "Recall", "Fraud Review",
            "Fulfilment Exception", "Checkout Problem", "Order Change")),
        Field(name="Reason", kind="picklist", length=255, values=(
            "Payment", "Fraud", "Address", "Late", "Damaged", "Other", "Partial fulfilment", "Late delivery",
            "Dissatisfied", "Defect", "Duplicate charge", "Missing points", "Profile")),
        Field(name="SuppliedName", length=80),
        Field(name="SuppliedEmail", kind="email", length=80),
        Field(name="SuppliedPhone", kind="phone", length=40),
        Field(name="SuppliedCompany", length=80),
        Field(name="Comments", kind="textarea", length=4000, filterable=False),
        Field(name="OwnerId", kind="reference", length=18, refers=("User", "Group")),
        Field(name="ParentId", kind="reference", length=18, refers=("Case",)),
        Field(name="IsEscalated", kind="boolean", default=False),
        custom(KEY_FIELD, external_id=True, unique=True),
        custom("Order_No__c"),
        custom("Order_Date__c", "datetime"),
        custom("Order_Modified__c", "datetime"),
        custom("Site__c"),
        custom("Order_Status__c"),
        custom("Payment_Status__c"),
        custom("Shipping_Status__c"),
        custom("Order_Total__c", "double"),
        custom("Currency__c"),
        custom("Customer_No__c"),
        custom("Payment_Method__c"),
        custom("Risk_Score__c", "double"),
        custom("Risk_Indicators__c", "textarea", 32768, filterable=False),
        custom("Customer_Group__c"),
        custom("Fulfilment__c"),
        custom("Warehouses__c"),
        custom("Promised_Date__c", "datetime"),
        custom("Ship_To__c"),
        custom("Skus__c", "textarea", 32768, filterable=False),
        custom("Tracking_No__c"),
        custom("Return_No__c"),
        custom("Resolution__c", "picklist", restricted=True, values=(
            "Release", "Hold", "Cancel", "Refund", "Exchange", "Rejected", "More evidence", "Credit", "Repair", "Correct",
            "Approve", "Reject", "Verify", "Reship", "Wait", "Contact", "Retry", "No action", "Accept", "Refuse")),
        custom("Refund_Amount__c", "double"),
        custom("Credit_Amount__c", "double"),
        custom("Credit_Points__c", "double"),
        custom("Correction__c", "textarea", 32768, filterable=False),
        custom("Product_Ids__c", "textarea", 32768, filterable=False),
        custom("Notice__c", "textarea", 32768, filterable=False),
        custom("Recall_Lifted__c", "boolean", default=False),
        custom("Claim_No__c"),
        custom("Product__c"),
        custom("Serial_No__c"),
        custom("Points__c", "double"),
        custom("Disputed_Amount__c", "double"),
        custom("Return_To_Queue__c", "boolean", default=False),
        custom("Resolution_Note__c", "textarea", 32768, filterable=False),
        custom("Document_Links__c", "textarea", 32768, filterable=False),
        custom("Refund_Kind__c", "picklist", values=("Full", "Partial", "Lines"), restricted=True),
        custom("Refund_Lines__c"),
        custom("Refund_Status__c"),
        custom("Refunded_Amount__c", "double"),
        custom("Refund_Reference__c"),
        custom("Credit_Status__c"),
        custom("Credited_Amount__c", "double"),
        custom("Credit_Reference__c"),
        custom("Response_Target__c", "double"),
        custom("Checkout_No__c"),
        custom("Change_No__c"),
        custom("Change_Result__c"),
        custom("New_Street__c"),
        custom("New_Postal_Code__c"),
        custom("New_City__c"),
        custom("New_State__c"),
        custom("New_Country__c"),
    ),
    relations={"Owner": "OwnerId", "CreatedBy": "CreatedById", "LastModifiedBy": "LastModifiedById",
               "Parent": "ParentId"},
    createable=True,
    updateable=True,
)  # fmt: skip

_FRESH: Mapping[str, tuple[str, ...]] = {
    "Origin": ("Phone", "Email", "Web"),
    "Type": ("Mechanical", "Electrical", "Electronic", "Structural", "Other"),
    "Reason": (
        "Installation",
        "Equipment Complexity",
        "Performance",
        "Breakdown",
        "Equipment Design",
        "Feedback",
        "Other",
    ),
}
"""Standard picklists as a new org has them."""


def fresh(shape: Object) -> Object:
    """An object in an org that nobody has prepared."""
    values = _FRESH if shape is CASE else {}
    return replace(
        shape, fields=tuple(replace(f, values=values.get(f.name, f.values)) for f in shape.fields if not f.custom)
    )


COMMENT = Object(
    "CaseComment",
    "00a",
    (
        *STAMPS,
        *MODIFIED,
        Field(name="ParentId", kind="reference", length=18, updateable=False, refers=("Case",)),
        Field(name="CommentBody", kind="textarea", length=4000, updateable=False, filterable=False),
        Field(name="IsPublished", kind="boolean", default=False),
    ),
    relations={"Parent": "ParentId", "CreatedBy": "CreatedById"},
    parent="ParentId",
    createable=True,
    updateable=True,
    required=("ParentId",),
)

VERSION = Object(
    "ContentVersion",
    "068",
    (
        *STAMPS,
        *MODIFIED,
        Field(name="ContentDocumentId", kind="reference", length=18, updateable=False, refers=("ContentDocument",)),
        Field(name="FirstPublishLocationId", kind="reference", length=18, updateable=False, refers=("Case", "User")),
        Field(name="Title", length=255),
        Field(name="Description", kind="textarea", length=1000),
        Field(name="ReasonForChange", length=1000),
        Field(name="PathOnClient", length=500, updateable=False),
        Field(name="VersionData", kind="base64", updateable=False, filterable=False),
        system("FileExtension", "string", length=40),
        system("FileType", "string", length=20),
        system("ContentSize", "double"),
        system("Checksum", "string", length=50),
        system("VersionNumber", "string", length=20),
        system("IsLatest", "boolean"),
        custom(KEY_FIELD, external_id=True, unique=True),
    ),
    relations={
        "ContentDocument": "ContentDocumentId",
        "CreatedBy": "CreatedById",
        "LastModifiedBy": "LastModifiedById",
    },
    createable=True,
    updateable=True,
    required=("PathOnClient", "VersionData"),
)

DOCUMENT = Object(
    "ContentDocument",
    "069",
    (
        *STAMPS,
        *MODIFIED,
        system("Title", "string", length=255),
        system("FileExtension", "string", length=40),
        system("FileType", "string", length=20),
        system("ContentSize", "double"),
        system("LatestPublishedVersionId", "reference", length=18, refers=("ContentVersion",)),
    ),
    relations={"LatestPublishedVersion": "LatestPublishedVersionId", "CreatedBy": "CreatedById"},
)

LINK = Object(
    "ContentDocumentLink",
    "06A",
    (
        STAMPS[0],
        STAMPS[1],
        STAMPS[4],
        Field(name="ContentDocumentId", kind="reference", length=18, updateable=False, refers=("ContentDocument",)),
        Field(name="LinkedEntityId", kind="reference", length=18, updateable=False, refers=("Case", "User")),
        Field(name="ShareType", kind="picklist", length=40, values=("V", "C", "I"), restricted=True),
        Field(name="Visibility", kind="picklist", length=40, values=("AllUsers", "InternalUsers", "SharedUsers"),
              restricted=True, default="AllUsers"),
    ),
    relations={"ContentDocument": "ContentDocumentId", "LinkedEntity": "LinkedEntityId"},
    parent="ContentDocumentId",
    createable=True,
    required=("ContentDocumentId", "LinkedEntityId", "ShareType"),
)  # fmt: skip

HISTORY = Object(
    "CaseHistory",
    "017",
    (
        *STAMPS[:4],
        system("CaseId", "reference", length=18, refers=("Case",)),
        system("Field", "picklist", length=255),
        system("OldValue", "anyType", length=255, filterable=False),
        system("NewValue", "anyType", length=255, filterable=False),
    ),
    relations={"Case": "CaseId", "CreatedBy": "CreatedById"},
    parent="CaseId",
)

TASK = Object(
    "Task",
    "00T",
    (
        *STAMPS,
        *MODIFIED,
        Field(name="OwnerId", kind="reference", length=18, refers=("User",)),
        Field(name="WhatId", kind="reference", length=18, refers=("Case",)),
        Field(name="Subject", length=255),
        Field(name="Description", kind="textarea", length=32000, filterable=False),
        Field(
            name="Status",
            kind="picklist",
            length=255,
            values=("Not Started", "In Progress", "Completed"),
            default="Not Started",
        ),
        Field(name="Priority", kind="picklist", length=255, values=("High", "Normal", "Low"), default="Normal"),
        Field(name="ActivityDate", kind="date"),
        custom(KEY_FIELD),
    ),
    relations={"Owner": "OwnerId", "What": "WhatId", "CreatedBy": "CreatedById"},
    parent="WhatId",
    createable=True,
    updateable=True,
    required=(),
)

WORK = Object(
    "AgentWork",
    "0Bz",
    (
        *STAMPS,
        system("UserId", "reference", length=18, refers=("User",)),
        system("WorkItemId", "reference", length=18, refers=("Case",)),
        system("OriginalQueueId", "reference", length=18, refers=("Group",)),
        system("Status", "picklist", length=255),
        system("RequestDateTime"),
        system("AssignedDateTime"),
        system("AcceptDateTime"),
        system("CloseDateTime"),
    ),
    relations={"User": "UserId", "WorkItem": "WorkItemId", "OriginalQueue": "OriginalQueueId"},
    parent="WorkItemId",
)

USER = Object(
    "User",
    "005",
    (
        *STAMPS[:1],
        *STAMPS[2:],
        system("Username", "string", length=80),
        system("Name", "string", length=121),
        system("Email", "email", length=128),
        system("IsActive", "boolean"),
        system("Type", "string", length=40),
        system("UserType", "picklist", length=40),
    ),
)

GROUP = Object(
    "Group",
    "00G",
    (
        *STAMPS[:1],
        *STAMPS[2:],
        system("Name", "string", length=40),
        system("DeveloperName", "string", length=80),
        system("Type", "picklist", length=40),
        system("Email", "email", length=255),
    ),
)

QUEUE_SOBJECT = Object(
    "QueueSobject",
    "03g",
    (
        STAMPS[0],
        system("QueueId", "reference", length=18, refers=("Group",)),
        system("SobjectType", "picklist", length=40),
    ),
    relations={"Queue": "QueueId"},
)

CASE_STATUS = Object(
    "CaseStatus",
    "01J",
    (
        STAMPS[0],
        system("MasterLabel", "string", length=255),
        system("ApiName", "string", length=255),
        system("IsClosed", "boolean"),
        system("IsDefault", "boolean"),
        system("SortOrder", "double"),
    ),
)

OBJECTS = (CASE, COMMENT, TASK, VERSION, DOCUMENT, LINK, HISTORY, USER, GROUP, QUEUE_SOBJECT, CASE_STATUS)
QUEUES = ("Orders", "Payments", "Returns", "Concierge", "Reviews", "Escalation")
AGENTS = ("Ines Agent", "Omar O'Neil", "Noël Dupré")
CLOSED = frozenset({"Closed"})
