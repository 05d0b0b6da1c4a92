"""The working parts of one connection, put together. Importing this loads simple-salesforce."""

from __future__ import annotations

from collections.abc import Mapping

from connector.adapter import Clock, Stream
from connector.adapters.salesforce.budget import Gauge
from connector.adapters.salesforce.checking import Checker
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.comments import Comments
from connector.adapters.salesforce.conditional import Guarded
from connector.adapters.salesforce.describing import Describer
from connector.adapters.salesforce.ownership import Ownership
from connector.adapters.salesforce.reading import Reader
from connector.adapters.salesforce.references import References
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.signin import SignIn
from connector.adapters.salesforce.uploads import Uploads
from connector.adapters.salesforce.writing import Writer
from connector.http import Http
from connector.http_files import Files


class Parts:
    """Client, reader, writers and checker over one session and one token."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        http: Http,
        gauge: Gauge,
        sign_in: SignIn,
        streams: Mapping[str, Stream],
    ) -> None:
        self.client = Client(http, http.session(gauge.hear), sign_in, url=settings.url, version=settings.version)
        describe = Describer(self.client)
        self.reader = Reader(self.client, settings, clock, sign_in, describe)
        self.ownership = Ownership(self.client.rows, settings, sign_in, clock, self.reader.nobody)
        references = References(self.client.rows)
        self.writer = Writer(
            self.client,
            references,
            clock,
            guarded=Guarded(self.client, references, version=settings.version, key_field=settings.key_field),
            key_field=settings.key_field,
            batch=settings.batch,
            ids_by_key=self.reader.ids_by_key,
            buried=self.reader.buried,
            uploads=Uploads(
                self.client,
                references,
                Files(http.name, settings.files.within(settings.timeouts.total)),
                key_field=settings.key_field,
                ids_by_key=self.reader.ids_by_key,
            ),
        )
        self.comments = Comments(self.writer.write, self.client.rows)
        self.checker = Checker(self.client, settings, streams, gauge, sign_in, describe)
