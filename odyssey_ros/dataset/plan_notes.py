"""Notes about plans that a user should see before the jobs are submitted and paid for."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.scripts.script_images import image_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.submissions.journal import Journal
    from odyssey_ros.dataset.workspace import Workspace

# Characters without a picture that `str.isprintable` accepts: those that a font leaves out (Unicode's
# Default_Ignorable_Code_Point), and a blank of Braille.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def dry_run_line(plan: EpisodePlan, encoding: str) -> str:
    r"""Return what will be submitted for an episode, as a line of JSON.

    Characters that cannot be seen or told apart are written as `\u...`: controls, blanks other than the
    space, and combining marks.

    Args:
        plan: The episode.
        encoding: The encoding of the output; other characters are written as `\u...`.
    """
    episode = {
        "episode": plan.name,
        "source": plan.source,
        "portrait": plan.portrait,
        "bypass_prompt_expansion": plan.bypass_prompt_expansion,
        "variables": dict(plan.variables),
        "script": plan.script,
    }
    return _visible_json(episode, encoding)


def _visible_json(value: object, encoding: str = "utf-8") -> str:
    def escaped(found: re.Match[str]) -> str:
        return found[0] if _is_visible(found[0], encoding) else json.dumps(found[0])[1:-1]

    return re.sub("[^ -~]", escaped, json.dumps(value, ensure_ascii=False))


def _is_visible(character: str, encoding: str) -> bool:
    if not character.isprintable() or unicodedata.combining(character) or _INVISIBLE.match(character):
        return False
    return character.encode(encoding, "replace") != b"?"


def notes_on(plans: Sequence[EpisodePlan]) -> Iterator[str]:
    """Yield a text for each property of the plans that may be a mistake. Blocks while images are read."""
    copies = [plan for plan in plans if plan.same_as is not None]
    if copies:
        yield (
            f"{len(copies)} of {len(plans)} episodes have the same script as another one, and are simulated "
            f"too, for example {copies[0].name} and {copies[0].same_as} ({copies[0].source})"
        )
    changed = [
        (plan, prompt) for plan in plans for prompt in prompts_of(plan.script) if _as_label(prompt) != prompt
    ]
    if changed:
        plan, prompt = changed[0]
        yield (
            f"prompts with characters that labels cannot hold: {len(changed)}. The prompt "
            f"{_visible_json(prompt)} of {plan.name}, for example, is submitted unchanged, but its frames "
            f"have the label {_visible_json(_as_label(prompt))}"
        )
    yield from _image_notes_on(plans)


def _image_notes_on(plans: Iterable[EpisodePlan]) -> Iterator[str]:
    """Yield a text for each image whose colours cannot be converted exactly. Blocks."""
    told: set[object] = set()
    for plan in plans:
        image = plan.script[0]["start"].get("image")
        if image not in told and (note := image_note(plan)):
            told.add(image)
            yield f"the image of {plan.name} ({plan.source}): {note}"


def notes_on_former(plans: Sequence[EpisodePlan], workspace: Workspace, journal: Journal) -> Iterator[str]:
    """Yield a text for the episodes and jobs of earlier runs that the script files no longer ask for.

    The name of an episode has a digest of its script, so a text that is read in another way than before
    makes a new episode, and never continues the job of the old one.

    Args:
        plans: All plans of the script files, of all shards.
        workspace: The dataset's folder.
        journal: The log of submissions of earlier runs.
    """
    names = {plan.name for plan in plans}
    files = {_file_of(plan.source) for plan in plans}
    former = [
        entry
        for entry in workspace.listed
        if entry.episode not in names and _file_of(str(entry.provenance.get("source"))) in files
    ]
    if former:
        prompts = ", ".join(map(_visible_json, prompts_of(former[0].provenance.get("script"))))
        yield (
            f"{len(former)} of the episodes in the dataset were made from scripts that are no longer in "
            f"{' and '.join(sorted(files))}, for example {former[0].episode} ({prompts}); they are kept"
        )
    stems = {_stem_of(name) for name in names}
    for name in journal.episodes():
        state = journal.state(name)
        if name in names or _stem_of(name) not in stems or workspace.bag_path(name).exists():
            continue
        if state.intent is not None:
            yield (
                f"a submission of {name}, whose script is no longer in the file, may have made a job: look "
                "for it in the account's jobs"
            )
        if state.job_id is not None:
            yield (
                f"the job {state.job_id} was submitted for {name}, whose script is no longer in the file; to "
                f"make its bag, run: odyssey-dataset jobs {state.job_id}"
            )


def prompts_of(script: Any) -> Iterator[str]:
    """Yield the prompts of a script, also of one in a manifest."""
    entries: Iterable[Mapping[str, Any]] = script if isinstance(script, (list, tuple)) else ()
    for entry in entries:
        for action in ("start", "interact"):
            if action in entry:
                yield str(entry[action]["prompt"])


def _as_label(prompt: str) -> str:
    return clean_text(prompt, is_prompt=True)


def _file_of(source: str) -> str:
    return source.partition(": ")[0]


def _stem_of(name: str) -> str:
    """Return the name of an episode without its digest and its number."""
    return re.sub(r"-[0-9a-f]{12}(-\d+)?$", "", name)
