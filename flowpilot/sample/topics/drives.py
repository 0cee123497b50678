"""Mapped drives are missing. No flow yet; most sessions run down one long line of checks."""

from flowpilot.sample.cast import SERVICE_DESK
from flowpilot.sample.model import (
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
    question("place", """
        Are you in the office or connected from outside?
        Where are you working right now, in the office or remotely?
        Is the {device} in the office network or at home?
        Office or home today?
        Are you on site at the moment?""",
        answer("In the office", "which", 0.62, """
            In the office.
            At my desk on the {floor}.
            On site.
            I am in the building."""),
        answer("Outside", "tunnel", 0.38, """
            At home.
            Home office.
            I am on the road.
            Remote today.""")),
    question("tunnel", """
        Is the VPN connected?
        Do you have the VPN on?
        Does the shield beside the clock show that the VPN is up?
        Please check: is the tunnel to the office connected?""",
        answer("Connected", "which", 0.66, """
            Yes, VPN is on.
            Connected, green.
            The VPN is up."""),
        answer("Not connected", "r_tunnel", 0.34, """
            Oh, it is off.
            No, I forgot it.
            It was not connected."""),
        helped="""
            Do I need it for the drives? => Yes, from outside the drives only open through the VPN."""),
    question("which", """
        Which drives are missing: one letter or all of them?
        Is just one drive gone, or are all of them missing?
        Look in the Explorer: is it only {drive} or every network drive?
        Do you miss one drive letter or all?
        One drive or the whole lot?""",
        answer("One drive", "cross", 0.64, """
            Only {drive}.
            Just the one, {drive}.
            One, the others open.
            {drive} only."""),
        answer("All drives", "script", 0.36, """
            All of them.
            There is no network drive left.
            Every letter is gone.
            None of my drives is there.""")),
    question("cross", """
        Is the drive shown with a red cross, or not shown at all?
        Do you still see the letter, maybe with a red cross?
        In the Explorer, is the drive there with a cross or completely gone?
        Red cross on it, or no letter at all?""",
        answer("Red cross", "open", 0.55, """
            There is a red cross on it.
            It is there with an X.
            Yes, crossed out."""),
        answer("Letter is gone", "moved", 0.45, """
            Not there at all.
            The letter is missing.
            It is gone, no {drive} in the list.""")),
    action("open", """
        Double-click the drive and read me the message.
        Please open it anyway; which message comes?
        Try to open the drive and tell me what it says.
        Click on it twice: does it open, or is there an error?""",
        answer("It opens", "r_opens", 0.34, """
            It opens, the cross is gone.
            Oh, now it opens.
            It opened after a few seconds."""),
        answer("Access denied", "moved", 0.36, """
            Access denied.
            You do not have permission, it says.
            It says I must ask the administrator."""),
        answer("Path not found", "name", 0.3, """
            The network path was not found.
            It cannot find the path.
            Error, path not available.""")),
    question("moved", """
        Did you change department or role lately?
        Have you moved to another team in the last weeks?
        Is your job or department new?
        Was there a transfer, a new role or a return from leave?""",
        answer("Yes", "approval", 0.48, """
            I moved from {dept} this month.
            Yes, new role since the first.
            I came back from parental leave."""),
        answer("No", "groups", 0.52, """
            No, nothing changed.
            Same job as ever.
            No.""")),
    question("approval", """
        Who owns the folder, and has the owner approved the access?
        Is there an approval from the folder's owner?
        Has your new manager agreed to the access?
        Do we have the owner's written approval?""",
        answer("Approved", "r_group", 0.84, """
            Yes, my manager wrote it into the ticket.
            The owner agreed by mail.
            Approval is attached."""),
        answer("Not yet", "e_approval", 0.16, """
            I do not know who that is.
            Not yet.
            The owner has left the company."""),
        helped="""
            Who is the owner of my folder? => It is listed on the intranet under File shares."""),
    script("groups", """
        Run Compare-ShareGroups.ps1 for the user.
        I am checking your groups with Compare-ShareGroups.ps1.
        Compare-ShareGroups.ps1 compares your rights with your colleagues'.
        Running Compare-ShareGroups.ps1 on the account.""",
        answer("A group was missing, added", "relog", 0.72, """
            One group was missing, it is added.
            It found a missing group.
            The script put a group back."""),
        answer("Groups are right", "name", 0.28, """
            All groups are there.
            No difference found.
            Rights are complete.""")),
    action("relog", """
        Sign out of Windows and in again, then open the drive.
        Please log off and on so that the new right counts.
        Sign out completely and sign in again.
        Log off once and try the drive after that.""",
        answer("Drive opens", "r_group", 0.94, """
            The drive is back.
            It opens now.
            Yes, {drive} is there with all folders."""),
        answer("Still missing", "e_files", 0.06, """
            Still denied.
            No, not there.
            Same as before.""")),
    action("name", """
        Open the share by its full name in the Explorer's address line.
        Please type the full path of the share into the address bar.
        Enter the server path by hand: does the folder open?
        Try the long name of the share instead of the letter.""",
        answer("Opens by name", "r_remap", 0.8, """
            By the name it opens.
            Yes, the folders are there.
            With the path it works."""),
        answer("Not found", "e_files", 0.2, """
            Not found either.
            Same error with the path.
            It does not open."""),
        helped="""
            What is the full path? => Two backslashes, files.northwind.example, then the share's name."""),
    script("script", """
        Run Restore-DriveMaps.ps1 on the device.
        I am running Restore-DriveMaps.ps1 on {host}.
        Restore-DriveMaps.ps1 maps your drives again, one moment.
        Mapping all drives anew with Restore-DriveMaps.ps1.""",
        answer("Worked", "restart", 0.82, """
            All drives are back.
            They came back one by one.
            The letters are there again."""),
        answer("No change", "name", 0.18, """
            No drives yet.
            It ends with an error.
            Nothing came back.""")),
    action("restart", """
        Restart the computer and see whether the drives are still there.
        Please restart once so that we know they come back by themselves.
        Reboot the {device}, then look at the drives again.
        One restart as a test, please.""",
        answer("Still there", "r_maps", 0.82, """
            Still there after the restart.
            Yes, all of them.
            They came up with the log-in."""),
        answer("Gone again", "r_fast", 0.18, """
            Gone again.
            After the restart they are missing.
            No, empty again."""),
        helped="""
            Do I have to save my work? => Yes, please save and close everything before the restart."""),
    resolution("r_tunnel", """
        Connect the VPN first, then the drives open.
        With the VPN on, the drives are back.
        From home the VPN has to be on, now they open.""", """
        VPN was off, drives open with it.
        User reminded to connect VPN before opening drives."""),
    resolution("r_opens", """
        The drive was only asleep; the cross goes when you open it.
        It was just disconnected for idling, that is harmless.""", """
        Drive was idle, opened on double-click.
        Idle disconnect, no fault."""),
    resolution("r_group", """
        Your access is set again and the drive opens.
        You are back in the right group for the share.
        The right for the folder is in place.""", """
        Added to share group, drive opens.
        Missing share group restored."""),
    resolution("r_remap", """
        The letter pointed to the old server; it is mapped to the new name.
        Mapped by the full name, the drive is back.
        The share has moved; your drive leads to the new place now.""", """
        Drive mapped again to new server name.
        Old mapping removed, mapped by full path."""),
    resolution("r_maps", """
        All drives are mapped again and survive a restart.
        The mapping is repaired for good.
        Your drives come back at every log-in now.""", """
        Drive maps restored by script, checked after restart.
        Log-on mapping failed once, restored."""),
    resolution("r_fast", """
        Fast startup skipped the mapping; it is turned off and the drives stay.
        I switched fast startup off, now the drives come at every start.""", """
        Fast startup disabled, drives mapped at log-on.
        Mapping ran before the network was up; waiting for network enabled."""),
    escalation("e_approval", """
        Escalate to the client's contact: the folder needs an owner's approval.
        I pass it to your IT contact, who has to name an owner."""),
    escalation("e_files", """
        Escalate to the server team: the share cannot be reached.
        The server team checks the share, I pass it on.
        I hand this to the server team with the path."""),
)
# fmt: on

TOPIC = Topic(
    key="drives",
    title="Mapped drives are missing",
    domain="File services",
    team=SERVICE_DESK,
    per_2000=100,
    root="place",
    nodes=NODES,
    titles=(
        "Network drive missing",
        "{drive} not available",
        "Drives gone {when}",
        "No access to shared folders",
        "Mapped drive problem in {dept}",
    ),
    summaries=(
        "My network drive {drive} is gone {when}. {urgency}",
        "I cannot open {drive} on my {device} {when}.",
        "The shared folders of {dept} are not there {when}. {urgency}",
        "User in {dept} misses {drive} after starting the {device}.",
        "{drive} with the files of {dept} does not open {when}. {urgency}",
        "Where are my drives? On the {device} {drive} is missing {when}.",
    ),
    slots={"drive": ("drive G", "drive H", "drive P", "drive S", "the team drive", "drive T")},
)
