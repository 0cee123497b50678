"""BitLocker asks for the recovery key. No flow yet; a short tree with a strict first check."""

from flowpilot.sample.cast import FIELD
from flowpilot.sample.model import (
    PORTABLE,
    Topic,
    action,
    answer,
    escalation,
    question,
    resolution,
    script,
    tree,
)

# fmt: off
NODES = tree(
    question("caller", """
        Is the caller the registered user of this device?
        Is the device assigned to the person who is calling?
        Check the asset list: does the {device} belong to you?
        Before I read out a key: is this computer registered to you?
        Does the name in the asset record match the caller?""",
        answer("Yes", "key_id", 0.97, """
            Yes, it is mine.
            It is registered to me.
            Yes, that is my computer.
            The name matches."""),
        answer("No", "e_owner", 0.03, """
            It is my colleague's.
            No, a pool device.
            It belonged to somebody who left."""),
        helped="""
            Why do you need to know? => The key opens the whole drive, so it goes to the owner only."""),
    question("key_id", """
        What are the first eight characters of the key ID on the blue screen?
        Please read me the first eight characters of the recovery key ID.
        On the blue screen there is a key ID; how does it begin?
        I need the start of the key ID, eight characters.
        Read out the ID on the screen, only the first block.""",
        answer("Found in the directory", "enter", 0.88, """
            It begins with {keyid}.
            {keyid}, you have it? Good.
            The first block is {keyid}."""),
        answer("Not in the directory", "other_store", 0.12, """
            {keyid}, and you do not find it?
            It starts with {keyid}, no match.
            No key for {keyid}."""),
        helped="""
            Where is the key ID? => In the line below the input field, after the words Recovery key ID.
            Is that the long number? => No, the long number is the key itself, which I will give you."""),
    action("other_store", """
        Look in the user's account page under Devices for the key.
        On your phone open your account page, Devices, and show the BitLocker keys.
        Please check the account page in the browser, the key may be stored there.
        Search the key on the user's own account page.""",
        answer("Key found there", "enter", 0.7, """
            Found it on my account page.
            There is one with the same ID.
            Yes, it is listed."""),
        answer("No key anywhere", "e_data", 0.12, """
            No keys there.
            The list is empty.
            Nothing found.""")),
    action("enter", """
        Type the forty-eight digits of the recovery key.
        I read you the forty-eight digits, please type them in groups of six.
        Enter the recovery key as I read it out, six digits at a time.
        Now type in the key; each block is checked as you go.""",
        answer("Windows starts", "cause", 0.92, """
            Accepted, Windows starts.
            It boots.
            Yes, I see the log-in."""),
        answer("Key is refused", "retype", 0.08, """
            It says the key is wrong.
            Refused.
            Not accepted at block four."""),
        helped="""
            The number keys do nothing. => Use the digits above the letters, or press Num Lock once."""),
    action("retype", """
        Restart the computer, compare the key ID again and type the key once more.
        Please restart, read the ID again, it may have changed, and retype.
        Turn it off and on, compare the ID, then enter the key again.
        Let us start over: restart, check the ID with me, and type the digits slowly.""",
        answer("Windows starts", "cause", 0.85, """
            I had a digit wrong, it starts.
            Second time it worked.
            It boots now."""),
        answer("Refused again", "e_data", 0.15, """
            Refused again.
            Still wrong.
            No.""")),
    question("cause", """
        What happened before: a firmware update, a dock, or nothing you know of?
        Was there a BIOS update or new hardware just before?
        Do you know what changed? Update, docking station, USB stick?
        What did the {device} do before it asked for the key?
        Did it install a firmware update last time you shut it down?""",
        answer("Firmware update", "suspend", 0.54, """
            It installed a BIOS update yesterday.
            A firmware update ran on shutdown.
            Yes, an update with a progress bar on black."""),
        answer("Dock or USB stick", "boot_order", 0.26, """
            I had a new dock.
            There was a USB stick in it.
            I started it on a colleague's dock."""),
        answer("Nothing known", "tpm", 0.2, """
            Nothing I know of.
            It just happened.
            No idea.""")),
    script("suspend", """
        Run Reseal-BitLocker.ps1 and restart twice.
        I am running Reseal-BitLocker.ps1 on {host}, then restart two times.
        Reseal-BitLocker.ps1 ties the drive to the new firmware, restart after it.
        Sealing the drive anew by Reseal-BitLocker.ps1.""",
        answer("Worked", "r_sealed", 0.94, """
            Restarted twice, no key asked.
            It starts normally.
            No blue screen any more."""),
        answer("No change", "tpm", 0.06, """
            It asked for the key again.
            Blue screen again.
            Same question after the restart.""")),
    action("boot_order", """
        Take the stick or dock off and put the internal drive first in the boot order.
        Remove everything plugged in, then set the internal drive as the first to boot.
        Unplug the dock; in the firmware put the internal drive on top.
        Please start without dock and stick, I guide you through the boot order.""",
        answer("Starts normally", "r_boot", 0.95, """
            Starts without asking.
            Normal start now.
            Yes, that was it."""),
        answer("Asks again", "tpm", 0.05, """
            It asks again.
            Still the blue screen.
            No.""")),
    question("tpm", """
        Does the security chip report as ready?
        Open the TPM management: is the chip ready for use?
        What is the state of the TPM: ready, or an error?
        Is the TPM ready according to its console?""",
        answer("Ready", "r_protector", 0.86, """
            Ready for use.
            It says ready.
            Yes, version 2.0, ready."""),
        answer("Not ready", "e_board", 0.14, """
            It says not ready.
            No TPM found.
            An error is shown there.""")),
    resolution("r_sealed", """
        The update had changed the firmware; the drive is sealed to it again.
        After resealing it starts without the key.
        It was the firmware update, the key is not asked any more.""", """
        Recovery key after firmware update, protectors resealed.
        BitLocker resealed by script, two clean restarts."""),
    resolution("r_boot", """
        It tried to start from outside; the internal drive is first again.
        The boot order is right again, it starts without the key.""", """
        Boot order corrected, dock was first.
        USB device changed the boot path, removed."""),
    resolution("r_protector", """
        I renewed the key protector and the recovery key; it starts normally.
        The protector is new and a new key is stored in the directory.""", """
        TPM protector renewed, new key escrowed.
        Protector deleted and added again, key rotated."""),
    escalation("e_owner", """
        Escalate to the client's contact: the key may only go to the owner.
        I cannot give you this key, your IT contact has to release it."""),
    escalation("e_data", """
        Escalate to second level: no valid recovery key.
        Without a key second level has to decide about the data."""),
    escalation("e_board", """
        Escalate to the field team: the security chip is faulty.
        The field team replaces the board, I arrange it."""),
)
# fmt: on

TOPIC = Topic(
    key="bitlocker",
    title="BitLocker asks for the recovery key",
    domain="Endpoint",
    team=FIELD,
    per_2000=80,
    root="caller",
    nodes=NODES,
    titles=(
        "BitLocker recovery screen",
        "Blue screen asks for key",
        "Recovery key needed for {device}",
        "Device locked by BitLocker {when}",
        "{host} wants BitLocker key",
    ),
    summaries=(
        "My {device} wants a BitLocker recovery key {when}. {urgency}",
        "Blue screen with a key ID when I start the {device}, it asks for a recovery key.",
        "BitLocker recovery on {host} {when}. {urgency}",
        "User in {dept} sees the BitLocker screen on the {device}.",
        "The {device} does not start, it asks for a long recovery key. {urgency}",
        "I need the BitLocker key for {host}, I am on the {floor}.",
    ),
    slots={"device": PORTABLE, "keyid": ("4F1A09C2", "9BD03E71", "C27A55F0", "1E88D4B6", "70A3F91D", "D5C2E8A4")},
    priorities={"P1": 0.08, "P2": 0.62, "P3": 0.28, "P4": 0.02},
)
