"""Outlook keeps asking for the password. Published flow that practice has moved on from.

Since it was written, technicians ask about the web mail first, word the question about the window
differently, and have found the fix where the flow still says to escalate.
"""

from flowpilot.sample.cast import MICROSOFT_365
from flowpilot.sample.model import (
    Published,
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
_DEVICE_PROMPTS = """
    Is it Outlook on the computer or the mail app on the phone?
    Where do you get the prompt, on the computer or on the phone?
    Computer or mobile: which one asks?
    Does Outlook ask on your {device} or is it the phone?
    On which device do you see the password prompt?"""
_ON_COMPUTER = """
    On the computer.
    Outlook on my {device}.
    Only on the {device}, the phone is fine.
    At the PC."""
_ON_PHONE = """
    On the phone.
    The mail app on my mobile.
    The phone asks, the {device} is fine."""

NODES = tree(
    question("device", _DEVICE_PROMPTS,
        answer("On the computer", "webmail", 0.94, _ON_COMPUTER),
        answer("On the phone", "phone", 0.06, _ON_PHONE)),
    action("phone", """
        Remove the mail account from the phone and add it again.
        Please delete the account in the mail app and set it up anew.
        Take the work account off the phone and add it back.
        On the phone: delete the account, add it, sign in.""",
        answer("Asks no more", "r_phone", 0.94, """
            Mails are coming in.
            Set up again, no prompt.
            It works on the phone."""),
        answer("Asks again", "reset", 0.06, """
            It asks again.
            The phone refuses the password.
            No, same.""")),
    question("webmail", """
        Does the mailbox open in the browser with the same password?
        Can you open your mail on the web with that password?
        Please sign in to the web mail: does it let you in?
        If you go to the mail in the browser, does the password work there?
        Try the mailbox in a private browser window, do you get in?""",
        answer("Yes, web mail opens", "window", 0.8, """
            Yes, in the browser everything is there.
            Web mail opens fine.
            Yes, that works with the same password.
            I get in on the web."""),
        answer("No, refused there too", "reset", 0.2, """
            No, same there, wrong password.
            The web page rejects it too.
            It does not let me in there either.
            No, refused."""),
        helped="""
            What is the address of the web mail? => It is on the intranet's start page, under Mail.
            How do I open a private window? => Control, Shift and N together."""),
    question("window", """
        Is the password window a small grey one or the large sign-in page with the company logo?
        Which window asks you: the plain grey box or the page with your company's logo?
        Describe the prompt: old grey box, or modern sign-in with the logo?
        What does the pop-up look like, a little grey box or the big white page?
        Has the prompt the company logo on it, or is it the plain one?""",
        answer("Small grey window", "entries", 0.48, """
            The small grey one.
            A plain little box with user name and password.
            The grey one, it looks old.
            Small window, no logo."""),
        answer("Sign-in page with logo", "broker", 0.38, """
            The big white one with our logo.
            It is the page with the company picture.
            The normal sign-in page, again and again.
            With the logo on it."""),
        answer("Need password in the status bar", "offline", 0.14, """
            No window, only Need password at the bottom.
            It says Need password in the lower corner.
            There is no box, just the note in the status line.""")),
    action("entries", """
        Delete the Office entries from the credential manager and start Outlook again.
        Please remove every entry with MicrosoftOffice in the credential manager, then reopen Outlook.
        Clear the saved Office passwords in the credential manager and restart Outlook.
        In the credential manager take out the Office lines, close Outlook and open it.
        Remove the cached Office credentials, then launch Outlook.""",
        answer("Asks no more", "r_entries", 0.7, """
            It asked once and then never again.
            Gone, the mail is loading.
            No more prompts.
            Yes, quiet now."""),
        answer("Asks again", "shared", 0.3, """
            It is back after a minute.
            Still asks.
            Same window again.
            No, it came up again."""),
        helped="""
            How do I get to the credential manager? => Open the start menu and type credential.
            Will I lose my mails? => No, only the saved sign-in is removed, the mail is on the server."""),
    question("shared", """
        Is a shared mailbox or a second calendar open in Outlook?
        Do you have shared mailboxes on the left side?
        Apart from yours, which mailboxes or calendars are in your Outlook?
        Are there more mailboxes than your own in the folder list?""",
        answer("Yes", "remount", 0.62, """
            Yes, the {dept} mailbox.
            Two shared ones.
            Yes, the calendar of my former boss.
            I have the info mailbox of {dept} as well."""),
        answer("No", "profile", 0.38, """
            No, only mine.
            Just my own mailbox.
            None.""")),
    action("remount", """
        Remove the shared mailbox from the account settings and let it mount by itself.
        Please take the shared mailbox out of the account settings; it returns on its own.
        Delete the shared mailbox under account settings, then restart Outlook.
        Remove the extra mailbox from the profile and wait until it shows up again.""",
        answer("Asks no more", "r_shared", 0.93, """
            It came back by itself and no more prompts.
            Removed, and the box is gone.
            That was the one, no prompt now."""),
        answer("Asks again", "profile", 0.07, """
            Still the prompt.
            No, it asks again.
            Same as before.""")),
    script("broker", """
        Run Reset-OfficeSignIn.ps1 and sign in once.
        I am running Reset-OfficeSignIn.ps1 on {host}, then sign in when it asks.
        Reset-OfficeSignIn.ps1 clears the broken token, please sign in after it.
        Starting Reset-OfficeSignIn.ps1; Outlook will close for a moment.""",
        answer("Worked", "r_token", 0.86, """
            Signed in once, it stays quiet.
            Yes, no more pages.
            That did it, mail is coming in."""),
        answer("No change", "work_account", 0.14, """
            The page came back.
            Same loop again.
            No, it goes round in circles.""")),
    question("work_account", """
        Does Access work or school in the settings show the account as connected?
        In the settings, under work or school access, is your account listed?
        Please look at Access work or school: is the company account there?
        Is the device still joined, according to the account settings?""",
        answer("Yes, connected", "profile", 0.55, """
            Yes, connected to the company.
            It is listed.
            Yes, with a green sign."""),
        answer("No, or with a warning", "rejoin", 0.45, """
            It says there is a problem with the account.
            Not there at all.
            A yellow warning beside it.""")),
    action("rejoin", """
        Disconnect the work account, connect it again and restart the computer.
        Please disconnect and reconnect the account there, then restart.
        Remove the work account in the settings, add it back and reboot.
        Take the account out, put it back in, restart the computer.""",
        answer("Outlook signs in", "r_rejoin", 0.95, """
            After the restart it signed in by itself.
            Yes, it is connected and Outlook works.
            Works, no prompt."""),
        answer("Still asks", "e_mail", 0.05, """
            Still the prompt.
            It cannot be added, some error.
            No change.""")),
    action("offline", """
        Click Need password, sign in, and switch off Work Offline.
        Press on the words Need password in the status bar and sign in there.
        Under Send/Receive make sure Work Offline is off, then click Need password.
        Click the note at the bottom, enter the password and check that Outlook is online.""",
        answer("Connected", "r_offline", 0.9, """
            It says connected now.
            Mails are coming in.
            Work Offline was on, now it is connected."""),
        answer("Note stays", "profile", 0.1, """
            The note is still there.
            It still says Need password.
            No difference.""")),
    action("profile", """
        Create a new mail profile and let the mailbox load again.
        Please make a new profile in the mail settings and choose it as default.
        Set up a fresh Outlook profile and open it.
        Let us build a new profile, the old one seems damaged.""",
        answer("Works in the new profile", "r_profile", 0.92, """
            It is loading, no prompt.
            New profile works.
            Yes, all mails are coming back."""),
        answer("Asks there too", "e_mail", 0.08, """
            The same there.
            It asks again in the new one.
            No, even the new profile asks."""),
        helped="""
            Where are the mail settings? => In the control panel, under Mail, then Show profiles.
            How long will it load? => Ten minutes for a normal mailbox, you can work meanwhile."""),
    action("reset", """
        Set a new password in the portal and sign in to the web mail with it.
        Please set a new password by self-service, then try the web mail again.
        Let us reset the password first, then check the web mail.
        Choose a new password in the reset portal and use it in the browser.""",
        answer("Signed in with the new one", "r_reset", 0.92, """
            New password works, in Outlook too.
            In, and Outlook took it as well.
            Yes, both accept it."""),
        answer("Still refused", "e_mail", 0.08, """
            Still refused.
            The web mail says the account is blocked.
            No, it does not let me in.""")),
    resolution("r_phone", """
        The phone had the old password; added again, it is quiet.
        With the account set up anew the phone gets its mail.""", """
        Mail account on phone added again.
        Phone had old password, set up anew."""),
    resolution("r_entries", """
        Old saved passwords were in the way; Outlook signs in cleanly now.
        The stored entries were out of date and are gone.
        With the old entries removed Outlook no longer asks.""", """
        Cached Office credentials removed.
        Old entries in credential manager deleted, prompt gone."""),
    resolution("r_shared", """
        The prompt came from the shared mailbox; it mounts by itself now.
        The shared mailbox was added by hand with an old password, that is solved.
        It was the extra mailbox that kept asking.""", """
        Shared mailbox removed from profile, automapped again.
        Prompt came from shared mailbox added by hand."""),
    resolution("r_token", """
        The sign-in token was damaged; with a fresh one Outlook is quiet.
        A new token was all it needed.
        The sign-in is reset and Outlook stays connected.""", """
        Sign-in token reset by script.
        Office sign-in reset, user signed in once."""),
    resolution("r_rejoin", """
        The device had lost its tie to the company account; it is back.
        The work account is connected again, so Outlook signs in by itself.
        Reconnecting the work account solved the loop.""", """
        Work account disconnected and connected, Outlook fine.
        Device registration was broken, account re-added."""),
    resolution("r_offline", """
        Outlook is online and connected again.
        It was offline and waited for the password, that is done.
        The status bar says connected, mails arrive.""", """
        Work Offline was on; switched off and signed in.
        Signed in from the status bar, connected."""),
    resolution("r_profile", """
        The old profile was damaged; use the new one from now on.
        With the new profile Outlook no longer asks.
        Everything loads in the fresh profile.""", """
        New Outlook profile, old one damaged.
        Profile rebuilt, mailbox synchronised."""),
    resolution("r_reset", """
        Your new password works in the browser and in Outlook.
        The password had expired; the new one is accepted everywhere.
        With the new password the prompts stop.""", """
        Password was expired, reset by self-service.
        New password set, web mail and Outlook signed in."""),
    escalation("e_mail", """
        Escalate to the mail team with the sign-in log.
        The mail team looks at the sign-in log, I pass it on.
        I hand this to our mail team; they see why the server refuses."""),
)

#: The published version: the other way round, worded as it was then, and giving up at shared mailboxes.
_OLD = (
    question("device", _DEVICE_PROMPTS,
        answer("On the computer", "old_window", 0.94, _ON_COMPUTER),
        answer("On the phone", "phone", 0.06, _ON_PHONE)),
    question("old_window", """
        What kind of prompt do you see?""",
        answer("Small grey window", "entries", 0.48, """
            The small grey one.
            A plain little box with user name and password.
            Small window, no logo."""),
        answer("Sign-in page with logo", "old_webmail", 0.38, """
            The big white one with our logo.
            The normal sign-in page, again and again.
            With the logo on it."""),
        answer("Need password in the status bar", "offline", 0.14, """
            It says Need password in the lower corner.
            There is no box, just the note in the status line.""")),
    question("old_webmail", """
        Does the mailbox open in the browser with the same password?""",
        answer("Yes, web mail opens", "broker", 0.8, """
            Yes, in the browser everything is there.
            Web mail opens fine.
            I get in on the web."""),
        answer("No, refused there too", "reset", 0.2, """
            The web page rejects it too.
            It does not let me in there either.
            No, refused.""")),
    question("shared", """
        Is a shared mailbox or a second calendar open in Outlook?""",
        answer("Yes", "e_shared", 0.62, """
            Yes, the {dept} mailbox.
            Two shared ones.
            Yes, the calendar of my former boss."""),
        answer("No", "profile", 0.38, """
            No, only mine.
            Just my own mailbox.
            None.""")),
    escalation("e_shared", """
        Escalate to the mail team: shared mailboxes are out of reach for the desk."""),
)
# fmt: on

TOPIC = Topic(
    key="outlook",
    title="Outlook keeps asking for the password",
    domain="Email",
    team=MICROSOFT_365,
    per_2000=200,
    root="device",
    nodes=NODES,
    titles=(
        "Outlook asks for password again and again",
        "Outlook password prompt",
        "Password loop in Outlook on {device}",
        "Outlook does not accept the password",
        "Mail prompt keeps coming back",
    ),
    summaries=(
        "Outlook on my {device} keeps asking for my password {when}. {urgency}",
        "{when_cap} Outlook wants my password every few minutes and I get no mail.",
        "Password prompt in Outlook does not go away. {urgency}",
        "User in {dept}: Outlook asks for the password over and over {when}.",
        "I type my password into Outlook and it asks again, {when}. {urgency}",
        "No mails {when}, Outlook only shows the password box on the {device}.",
    ),
    slots={"when_cap": ("After the update,", "Since today,", "At home,", "In the office,")},
    flow=Published(
        "outlook-password",
        "Outlook keeps asking for the password",
        "Stop the password prompts by finding which sign-in they belong to.",
        nodes=_OLD,
        root="device",
        old_share=0.3,
    ),
)
