"""What tests and demos ask of the people who work on cases: the verbs `agent_…`, and their automatic mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.sandbox.world import World


class People:
    """A part of `Control`."""

    world: World

    def agent_take(self, case: str, **more: Any) -> dict[str, Any]:
        """An agent (`agent`: 0, 1 …) becomes the owner; `visible_after` seconds for a late commit."""
        return self.world.agents.take(case, **more)

    def agent_return_to_queue(self, case: str, **more: Any) -> dict[str, Any]:
        """Back to a `queue`, status New."""
        return self.world.agents.return_to_queue(case, **more)

    def agent_decide(self, case: str, resolution: str, **more: Any) -> dict[str, Any]:
        """Resolution, `amount`, `note`; closes the case unless `close` is false."""
        return self.world.agents.decide(case, resolution, **more)

    def agent_close(self, case: str, **more: Any) -> dict[str, Any]:
        """Status Closed."""
        return self.world.agents.close(case, **more)

    def agent_reopen(self, case: str, **more: Any) -> dict[str, Any]:
        """Status Working."""
        return self.world.agents.reopen(case, **more)

    def agent_edit(self, case: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Any fields of a Case."""
        return self.world.agents.edit(case, fields, **more)

    def agent_comment(self, case: str, text: str, **more: Any) -> str:
        """A comment; `public` publishes it."""
        return self.world.agents.comment(case, text, **more)

    def agent_attach(self, case: str, name: str, **more: Any) -> str:
        """A file `name` on a case; `text` is its content, `document` of which one it is a new version; `internal`."""
        return self.world.agents.attach(case, name, **more)

    def agent_link(self, document: str, case: str, **more: Any) -> str:
        """A document that is there already goes on a further case."""
        return self.world.agents.link(document, case, **more)

    def agent_delete_file(self, version: str, **more: Any) -> None:
        """The document of this file, with all its versions."""
        self.world.agents.delete_file(version, **more)

    def agent_create(self, fields: dict[str, Any], **more: Any) -> str:
        """A case opened by hand."""
        return self.world.agents.create(fields, **more)

    def agent_delete(self, case: str, **more: Any) -> None:
        """Into the recycle bin."""
        self.world.agents.delete(case, **more)

    def agent_merge(self, master: str, loser: str, **more: Any) -> None:
        """The loser is deleted and names its master."""
        self.world.agents.merge(master, loser, **more)

    def touch(self, case: str) -> None:
        """The platform moves SystemModstamp, and nothing else."""
        self.world.agents.touch(case)

    def agents(self, on: bool = True) -> int:
        """Starts or stops the automatic agents; returns how many cases they have decided."""
        if on:
            self.world.agents.start()
        else:
            self.world.agents.stop()
        return self.world.agents.decided
