"""A hook of mkdocs: links that leave docs/ lead to the repository.

In a checkout and on GitHub `../CHANGELOG.md` is a file. The site has only docs/, so there the same link becomes one to
the file's page in the repository. `tests/end_to_end/test_docs_links.py` checks that the files exist.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LEAVING = re.compile(r"(?<=\]\()(?:\.\./)+[^)\s]+")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Put the repository's address in front of links to files outside of docs/."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")

    def absolute(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[0]))
        return link[0] if path.startswith("docs/") else f"{config.repo_url.rstrip('/')}/blob/main/{path}"

    return _LEAVING.sub(absolute, markdown)
