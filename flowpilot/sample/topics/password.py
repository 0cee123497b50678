"""Password and lockout. Published flow; one question of it is a dead end for many (see `gaps`)."""

from flowpilot.sample.cast import SERVICE_DESK
from flowpilot.sample.model import (
    Exit,
    Published,
    Topic,
    action,
    answer,
    escalation,
    follow_ups,
    lines,
    question,
    resolution,
    script,
    tree,
)

#: The question at which sessions leave the flow, none of its answers being theirs.
DEAD_END = "Where does the lockout come from?"

# fmt: off
NODES = tree(
    question("identity", """
        Can the caller be verified by a call back to the number on file?
        Identity first: does the call back to the registered number work?
        May I call you back on the number we have on file, to be sure it is you?
        Verify the caller: call the number in the directory. Did they answer?
        Before I touch the account, I call the registered number. Is it you who answers?""",
        answer("Verified", "where", 0.96, """
            Yes, that is my number.
            Yes, I picked up, it is me.
            Call back worked.
            Yes, you have me on the line again."""),
        answer("Not verified", "e_identity", 0.04, """
            I have a new number, it is not on file.
            No, that is my old phone.
            I cannot take calls there."""),
        helped="""
            Why do you call me back? => So that nobody can ask for your password in your name.
            Which number do you have? => I may not read it out, but it is the one HR gave us."""),
    question("where", """
        Where does the sign-in fail: at the computer or only on web pages?
        Is it the Windows log-in that fails, or a page in the browser?
        Which log-in refuses you, the computer or a web page?
        At the computer or in the browser, where are you stuck?
        Do you get into Windows, or does it stop there?""",
        answer("At the computer", "locked", 0.9, """
            At the computer, right at the start.
            Windows does not let me in.
            On the log-in screen of the {device}.
            I cannot even get into the {device}."""),
        answer("Only on web pages", "browser", 0.1, """
            Only in the browser.
            Windows is fine, the web pages refuse me.
            Just on the portal.""")),
    action("browser", """
        Delete the saved password in the browser and type it in.
        Please remove the stored password from the browser, then type it by hand.
        Take the saved password out of the browser and enter the current one.
        Type the password yourself, the browser fills in an old one.""",
        answer("Signed in", "r_browser", 0.78, """
            That was it, I am in.
            Typed by hand it works.
            Yes, signed in."""),
        answer("Refused", "locked", 0.22, """
            Refused.
            No, it does not take it.
            Same again.""")),
    question("locked", """
        Is the account locked, expired or neither?
        What does the directory show for this account?
        State of the account in the directory?
        I am looking at your account: is it locked or is the password expired?
        Check the account: locked out, password expired, or fine?""",
        answer("Locked out", "again", 0.66, """
            It is locked.
            Locked out, it says too many attempts.
            The screen says my account is locked.
            Locked since a few minutes ago."""),
        answer("Password expired", "portal", 0.28, """
            It says my password has expired.
            Expired two days ago.
            The password ran out while I was away.
            Expired."""),
        answer("Neither", "keyboard", 0.16, """
            Looks fine here, no lock.
            Not locked, not expired.
            It only says user name or password is wrong.""")),
    question("again", """
        Did the account lock before in the last week?
        Is this the first lockout, or has it happened before this week?
        Has this happened to you more than once lately?
        How often did it lock in the last days, only now or repeatedly?
        Is it the first time this week?""",
        answer("First time", "unlock", 0.3, """
            First time.
            No, never before.
            Only today.
            It has not happened before."""),
        answer("Several times", "source", 0.7, """
            Third time since yesterday.
            It keeps happening.
            Yes, every morning this week.
            Again and again, you unlock it and an hour later it is locked.""")),
    action("unlock", """
        Unlock the account and let the user sign in.
        I unlock it now, please try to sign in.
        The account is unlocked, go ahead and log in.
        Unlock in the directory, then a test log-in with the user.""",
        answer("Signed in", "r_unlock", 0.88, """
            I am in.
            Yes, that works.
            Signed in, thanks."""),
        answer("Forgot the password", "temporary", 0.12, """
            I honestly do not remember it.
            I tried everything, I forgot it.
            No, I think I forgot the password."""),
        helped="""
            How long until I can try? => At once; wait one minute if you are outside the office."""),
    question("source", """
        Where does the lockout come from?
        Which device sends the old password?
        What does the security log name as the source of the failed log-ins?
        Look up the caller computer of the lockouts: which device is it?
        From which device do the bad attempts come?""",
        answer("The user's phone", "phone", 0.5, """
            From the mail app on the phone.
            The log names my mobile.
            It is the phone, I never changed it there.
            A mobile device, says the log."""),
        answer("Another computer", "sessions", 0.3, """
            A meeting room PC where I am still logged in.
            An old desktop in {dept}.
            The log names another computer.
            From the training room machine."""),
        answer("The user's own computer", "vault", 0.2, """
            From my own {device}.
            The log names {host}.
            It is this computer itself."""),
        helped="""
            Which log do you look at? => The security log of the domain controller, event 4740."""),
    action("phone", """
        Remove the mail account from the phone and add it again with the current password.
        Please delete the work account in the phone's mail app and set it up anew.
        On the phone: remove the account, add it back, type the new password.
        Take the mail account off the phone, then add it again.""",
        answer("Done, no new lockout", "r_phone", 0.94, """
            Done, and it has stayed open.
            Set up again, mail comes in, no lock.
            Yes, quiet for ten minutes now."""),
        answer("Locks again", "e_identity_team", 0.06, """
            It locked again right away.
            No, locked again.
            Still locking.""")),
    script("sessions", """
        Run Close-StaleSessions.ps1 for the user.
        I am closing your forgotten sessions with Close-StaleSessions.ps1.
        Running Close-StaleSessions.ps1, it logs you off everywhere else.
        Close-StaleSessions.ps1 ends the old log-ins on the other computers.""",
        answer("Worked", "r_sessions", 0.92, """
            It found two and closed them. No lock since.
            All other sessions are gone, it is fine.
            No more lockouts after the script."""),
        answer("No change", "e_identity_team", 0.08, """
            It found nothing, locked again.
            Same, it locks again.
            No sessions found.""")),
    action("vault", """
        Remove the old entries from the credential manager and restart.
        Open the credential manager, delete the company entries, then restart the {device}.
        Please delete the saved Windows passwords for our servers and restart.
        Clear the stored credentials and start the computer again.""",
        answer("No new lockout", "r_vault", 0.9, """
            Removed four entries, it stays open.
            After the restart it is fine.
            No lock so far."""),
        answer("Locks again", "e_identity_team", 0.1, """
            It locked after the restart.
            Locked again.
            No difference, sorry."""),
        helped="""
            Where is the credential manager? => Type credential in the start menu, it is the first hit."""),
    question("portal", """
        Has the user registered for the self-service portal?
        Are you set up for self-service password reset?
        Did you ever register a phone in the password portal?
        Can you use the reset portal, or did you never register?""",
        answer("Yes", "r_self", 0.62, """
            Yes, I think I did that once.
            Yes, with my mobile.
            I am registered there."""),
        answer("No", "temporary", 0.38, """
            No, never.
            I do not know that portal.
            Not yet.""")),
    question("keyboard", """
        Is Caps Lock on or the keyboard set to another language?
        Please check Caps Lock and the language sign beside the clock.
        Look at the keyboard language at the sign-in screen: is it the usual one?
        Does the eye symbol show what you think you typed?""",
        answer("Yes, that was it", "r_keyboard", 0.66, """
            Oh, Caps Lock was on.
            It was on another language.
            Y and Z are swapped, that was it."""),
        answer("No, keyboard is fine", "temporary", 0.34, """
            No, the keyboard is right.
            Caps Lock is off.
            I see the right letters.""")),
    action("temporary", """
        Set a temporary password that must be changed at the first sign-in.
        I give you a one-time password by text message; change it when you sign in.
        Reset to a temporary password, the user changes it at sign-in.
        You get a temporary password now, then choose your own.""",
        answer("Changed and signed in", "r_reset", 0.95, """
            Changed it, I am in.
            New password set, works.
            Done, signed in."""),
        answer("New password refused", "rules", 0.05, """
            It does not accept my new one.
            It says it does not meet the rules.
            It refuses every password I try.""")),
    action("rules", """
        Use fourteen characters, none of your last ten passwords, not your name.
        Please take at least fourteen characters and nothing you had before.
        The new one needs fourteen characters and must not contain your name.
        Try a sentence of four words, that meets the rules.""",
        answer("Accepted", "r_reset", 0.95, """
            A sentence worked.
            Accepted now.
            Yes, that one it took."""),
        answer("Still refused", "e_identity_team", 0.05, """
            Refused again.
            No, none is accepted.
            Still the same message.""")),
    resolution("r_browser", """
        The browser had filled in an old password; it is replaced.
        With the right password saved the pages let you in.""", """
        Old password saved in browser, removed.
        Browser filled in an old password, replaced."""),
    resolution("r_unlock", """
        The account is open again and you are signed in.
        Unlocked, you are back in.
        That was a simple lockout, solved.""", """
        Account unlocked, user signed in.
        Lockout after mistyped password, unlocked."""),
    resolution("r_phone", """
        The phone kept trying the old password; that is over.
        Your phone had the old password, now it has the new one.
        The lockouts came from the phone and are gone.""", """
        Old password on phone caused lockouts, account re-added.
        Mail app on mobile set up again, no more lockouts."""),
    resolution("r_sessions", """
        A forgotten log-in elsewhere used the old password; it is closed.
        Your old sessions are logged off and the account stays open.
        The other computer is signed out, so no more lockouts.""", """
        Stale sessions closed by script, lockouts stopped.
        User was still logged in on a shared PC, signed out."""),
    resolution("r_vault", """
        A stored old password caused it; it is deleted.
        The saved entries were out of date, now they are gone.
        Without the old entries the account stays open.""", """
        Old entries removed from credential manager.
        Saved password was stale, cleared."""),
    resolution("r_self", """
        Use Forgot password on the sign-in page; the code comes to your mobile.
        The portal lets you set a new one yourself, I stay on the line.
        Click Forgot my password, enter the code, choose a new one.""", """
        User reset the password in the portal.
        Expired password changed by self-service."""),
    resolution("r_keyboard", """
        With the right keyboard setting the password works.
        Caps Lock off, language back, and you are in.
        It was only the keyboard, the password was right all along.""", """
        Keyboard setting corrected, no reset needed.
        Caps Lock, user signed in."""),
    resolution("r_reset", """
        Your new password is set; it counts for mail and VPN too.
        New password is active everywhere in five minutes.
        You are in with your new password.""", """
        Temporary password issued, changed by the user.
        Password reset, sign-in tested."""),
    escalation("e_identity", """
        Escalate to the account's contact: the caller could not be verified.
        I cannot verify you by phone; your manager has to confirm, I pass it on.
        Not verified: handed to the client's IT contact for approval."""),
    escalation("e_identity_team", """
        Escalate to the identity team with the security log.
        The identity team takes over, the log is attached.
        I pass this to the identity team, they trace the source."""),
)
# fmt: on

TOPIC = Topic(
    key="password",
    title="Password and account lockout",
    domain="Identity",
    team=SERVICE_DESK,
    per_2000=300,
    root="identity",
    nodes=NODES,
    titles=(
        "Account locked",
        "Cannot sign in to Windows",
        "Password reset needed",
        "Locked out {when}",
        "Log-in refused on {device}",
    ),
    summaries=(
        "I cannot sign in to my {device} {when}. {urgency}",
        "My account is locked out {when}, please unlock it.",
        "Password no longer accepted on the {device} in {dept}. {urgency}",
        "User in {dept} on the {floor} is locked out {when}.",
        "Windows says my user name or password is wrong {when}. {urgency}",
        "Back at my desk on the {floor} and cannot log in to the {device}.",
    ),
    flow=Published(
        "password-lockout",
        "Password and account lockout",
        "Verify the caller, find out why the sign-in fails, and end repeated lockouts at the source.",
        use=0.9,
    ),
    exit=Exit(
        node="source",
        share=0.84,
        said=lines("""
            The log shows a server name, not one of my devices.
            It comes from a service on a server, nobody here knows it.
            The source field in the log is empty.
            It says the web mail gateway, from an address abroad.
            A scheduled task, it seems, but on which machine?
            Several sources at once, I cannot tell.
            """),
        follow_ups=follow_ups("""
            action: Searched the servers for tasks under the account. => One old backup task found.
            action: Blocked sign-ins from abroad for this account. => Attempts go on from elsewhere.
            question: Does a device send mail in your name? => Maybe the scanner on our floor.
            action: Watched the security log for ten minutes. => Two more attempts, source empty.
            question: Did a colleague get your password once? => Yes, for the weekly export.
            note: Asked the client's IT contact for the services there. => Answer expected tomorrow.
            action: Turned on debug logging for log-ons. => Nothing useful in the log so far.
            """),
        closing=lines("""
            Old task found on a server, password changed there.
            Scanner sent with the old password, settings corrected.
            Lockouts stopped after sign-ins from outside were blocked.
            Service account created for the export, user no longer locked out.
            """),
        outcomes={"resolved": 0.46, "escalated": 0.36, "abandoned": 0.18},
    ),
)
