"""`connector schema`: the shape of our files, for editors that show typos while one writes."""

from __future__ import annotations

import click


@click.command()
@click.argument("of", metavar="config|mapping", type=click.Choice(["config", "mapping"]))
def command(of: str) -> int:
    """Print the JSON Schema (draft 2020-12) of the configuration, with the adapters that are installed, or of a mapping.

    The schemas of this release lie in schemas/; the first line of each shipped file names its own. Editors with a YAML
    language server then complete keys, show what each is for, and mark typos. `connector check` finds more.

    \b
    Example:
      connector schema config
      connector schema mapping
    """
    import json

    if of == "mapping":
        from connector.mapping.schema import mapping_schema

        made = mapping_schema()
    else:
        from connector.adapter import adapters
        from connector.config.json_schema import config_schema

        made = config_schema(adapters())
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
    return 0
