"""An exported folder as a repository of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from skiploop.errors import InvalidInput


class Api(Protocol):
    """What of `huggingface_hub.HfApi` is used."""

    def whoami(self) -> object:
        """Raises without a valid token."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> object:
        """Makes the repository, where there is none."""

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> object:
        """One commit with all files of a folder."""


_ERRORS = (HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, ConnectionError, TimeoutError)


def require_account(repository: str, *, api: Api | None = None) -> None:
    """Refuses before any work what couldn't be pushed after it.

    Args:
        repository: such as `me/smollm2-looped`.
        api: None: the hub's.

    Raises:
        InvalidInput: that is no name of a repository, the hub isn't reached, or it knows no account here.
    """
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InvalidInput(f"{repository!r} is no name of a repository; give one such as me/smollm2-looped") from error
    try:
        (api or HfApi()).whoami()
    except _ERRORS as error:
        raise InvalidInput(
            f"can't push to {repository}: the hub isn't reached, or doesn't know you ({_line(error)}); log in with "
            "hf auth login, or leave out --push-to-hub"
        ) from error


def push(folder: Path, repository: str, *, private: bool = False, api: Api | None = None) -> str:
    """Uploads a finished folder in one commit; returns where it is seen.

    Raises:
        InvalidInput: the hub refuses it; the folder stays as it is.
    """
    hub = api or HfApi()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="A chain exported by skiploop")
    except _ERRORS as error:
        raise InvalidInput(
            f"{folder} is finished, but couldn't be pushed to {repository} ({_line(error)}); try again with "
            f"hf upload {repository} {folder}"
        ) from error
    return f"https://huggingface.co/{repository}"


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
