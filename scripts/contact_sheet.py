"""Every screen of the bot on contact sheets: `make sheet`.

Starts the product with its demo in an empty folder, once in each language, plays every screen of
the bot on the phones of the local Telegram's chat page, in a browser as wide as a phone and as a
desktop, and lays the pictures out in docs/screens. Says what an eye may miss: labels that are
cut, messages longer than the screen, words of the other language, screens that were not played.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts import sheet_joining as joining
from scripts import sheet_member as member
from scripts import sheet_till as till
from scripts.screenshots import BROWSERS, FLAGS, ROOT
from scripts.sheet_camera import SIZES, Cameras, Tile
from scripts.sheet_layout import sheet, write
from scripts.sheet_props import Owner, TillProgram
from scripts.sheet_stage import NoCamera, Played, Stage, open_stage

SCREENS = ROOT / "docs" / "screens"
LANGUAGES = ("ru", "en")
# A sheet's pictures are this much smaller than the screen; single tiles this much larger.
SHEET_SCALE, TILE_SCALE = 0.75, 1.5
SHEETS, COLUMNS = 3, 9
EARLY = "the play ended early"
ANNA, BORIS, VERA, GLEN, KATE = 1001, 1002, 1003, 1004, 1005

NOT_PLAYED = {
    "ret:pick:": "ret:view again with lines ticked, where a receipt has several: test_return.py",
    "spend:no:": "ends as hold:no: does, which is played: test_countdown_of_tills.py",
    "ret:do:": "the data of a button that older messages may still have: the sale is shown anew",
}
"""Names of the bot's tables that no scene plays, each with the reason."""


def screens() -> set[str]:
    """Every name in the bot's own tables: buttons of both sides, and questions to answer."""
    from bot.cashier import routes as cashier
    from bot.cashier.till import COUPON, PART, RETURN, SUM
    from bot.customer import join
    from bot.customer import routes as customer

    buttons = {*customer.MEMBERS, *customer.OPEN, *cashier.TAPS, *cashier.QUESTIONS}
    steps = {*customer.STEPS, *customer.OTHERS, *join.OPEN_STEPS, SUM, PART, COUPON, RETURN}
    return buttons | {f"step {name}" for name in steps}


def not_played(played: Played) -> list[str]:
    """Names that no scene has played and nobody has given a reason for."""
    from bot.cashier import routes as cashier
    from bot.customer.routes import COMMANDS

    tills = (*cashier.TAPS, *cashier.QUESTIONS)
    known = {name for name in tills if any(tap.startswith(name) for tap in played.taps)}
    known |= {tap.partition(":")[0] for tap in played.taps}
    known |= {COMMANDS[word[1:]] for word in played.commands if word[1:] in COMMANDS}
    known |= {f"step {name}" for name in played.steps}
    return sorted(screens() - known - NOT_PLAYED.keys())


def play(stage: Stage) -> Played:
    """Every scene, in the order of the sheet; which screens were on."""
    anna = stage.person(ANNA, "Анна", "Anna")
    boris = stage.person(BORIS, "Борис", "Boris")
    vera = stage.person(VERA, "Вера", "Vera")
    glen = stage.person(GLEN, "Глеб", "Glen")
    kate = stage.person(KATE, "Катя", "Kate")
    owner = Owner(stage)
    vera.waits_for("till:sale")  # she has taken her place
    program = TillProgram(stage, VERA)
    joining.a_stranger_looks_around(glen, owner)
    member.anna_finds_her_card(anna)
    joining.a_friend_comes(anna, boris)
    joining.a_receipt_is_picked_up(program, kate)
    joining.odd_messages(kate)
    joining.old_buttons(kate)
    anna.say("/menu")
    member.points(anna)
    member.profile(stage, anna)
    member.talk(anna, owner)
    till.home(vera, owner)
    till.a_sale(vera, anna, owner)
    till.more_than_the_limit(vera, anna, owner, program)
    till.new_guests(vera, boris, owner)
    till.a_late_card(vera, anna, program)
    till.returns(vera, anna)
    member.rating(stage, anna)
    member.privacy(anna)
    member.leaving(kate)
    till.outsiders(vera, boris, owner)
    return stage.played


def rehearse(language: str) -> Played:
    """Play everything without pictures."""
    with open_stage(language, NoCamera()) as stage:
        return play(stage)


def shoot(language: str, folder: Path | None) -> tuple[dict[str, list[Tile]], list[str]]:
    """Play everything in front of the cameras: tiles by size, and what is wrong with them.

    With a ``folder`` every tile is written there by itself, larger.
    """
    scale = SHEET_SCALE if folder is None else TILE_SCALE
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("There is no Chromium here: “make sheet” as root installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        with open_stage(language, NoCamera()) as stage:
            cameras = Cameras(browser, stage.url, language, scale=scale, folder=folder)
            stage.camera = cameras
            try:
                play(stage)
            except RuntimeError as problem:
                # What was taken until then is worth a look all the same.
                cameras.faults.append(f"{EARLY}: {problem}")
            browser.close()
    missing = [f"no scene plays {name}" for name in not_played(stage.played)]
    return cameras.tiles, [*cameras.faults, *missing]


def lay_out(tiles: dict[str, list[Tile]], language: str) -> None:
    """Write the sheets of one language."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    for size, pictures in tiles.items():
        each = -(-len(pictures) // SHEETS)
        for number in range(SHEETS):
            part = pictures[number * each : (number + 1) * each]
            target = SCREENS / f"{size}-{language}-{number + 1}.png"
            written = write(sheet(part, COLUMNS), target)
            print(f"{target.relative_to(ROOT)}  {len(part)} screens, {written // 1024} KB")


def main() -> int:
    """Write every sheet; 0 when all are there."""
    parser = argparse.ArgumentParser(description="Contact sheets of the bot's screens.")
    parser.add_argument("--language", choices=LANGUAGES, help="only this one")
    parser.add_argument("--tiles", type=Path, metavar="FOLDER", help="single tiles instead")
    asked = parser.parse_args()
    if asked.language is None:
        # Side by side: most of the time is spent waiting for the page.
        command = [sys.executable, "-m", "scripts.contact_sheet", *sys.argv[1:], "--language"]
        both = [subprocess.Popen([*command, language], cwd=ROOT) for language in LANGUAGES]
        return max(one.wait() for one in both)
    began = time.monotonic()
    if asked.tiles:
        asked.tiles.mkdir(parents=True, exist_ok=True)
    tiles, faults = shoot(asked.language, asked.tiles)
    if not asked.tiles:
        lay_out(tiles, asked.language)
    for fault in faults:
        print(f"look at {asked.language} {fault}")
    screens = len(tiles[next(iter(SIZES))])
    print(f"{asked.language}: {screens} screens in {time.monotonic() - began:.0f} s")
    return int(any(fault.startswith(EARLY) for fault in faults))


if __name__ == "__main__":
    sys.exit(main())
