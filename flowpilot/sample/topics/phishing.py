"""A user reports a phishing mail. No flow yet; what was clicked decides everything."""

from flowpilot.sample.cast import MICROSOFT_365
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
    question("did", """
        What have you done with the mail: only read it, clicked, or typed something in?
        Did you click on anything in the mail, or enter a password?
        Be frank, nobody minds: did you click or type anything?
        What happened after you opened it? Link, attachment, password?
        How far did it go: read, clicked, or entered data?""",
        answer("Only read it", "sender", 0.56, """
            Only read it.
            I did not click anything.
            Just opened the mail, nothing else.
            Looked at it and called you."""),
        answer("Clicked the link", "page", 0.24, """
            I clicked the link.
            I clicked, then it looked wrong.
            Yes, I opened the page."""),
        answer("Opened the attachment", "isolate", 0.1, """
            I opened the attachment.
            The file, yes, I opened it.
            I opened the invoice in it."""),
        answer("Entered the password", "reset", 0.1, """
            I typed my password in.
            I am afraid I entered my password.
            I logged in there."""),
        helped="""
            Am I in trouble now? => No, it is good that you call, the sooner the better.
            Should I delete it? => Not yet, I need it to see who else got it."""),
    question("sender", """
        Who does the mail claim to be from, and does the address fit?
        Look at the full sender address: does it match the name?
        Is the real address behind the name from outside?
        Hold the mouse over the sender: what address is it?
        Which address does it come from in truth?""",
        answer("Address does not fit", "report", 0.74, """
            It says {fake}, but the address is gibberish.
            The name is our boss, the address is a free mailer.
            No, the address does not fit.
            Something at mail-notice.example."""),
        answer("Real sender", "known", 0.26, """
            The address is right.
            It is really our supplier's address.
            It looks genuine.
            From a colleague's real address."""),
        helped="""
            How do I see the full address? => Click on the name at the top of the mail."""),
    question("known", """
        Did you expect that mail, or can the sender confirm it by phone?
        Please call the sender: did they send it?
        Does the sender confirm it on the phone?
        Is it an expected mail, or does the sender know nothing of it?""",
        answer("Sender confirms", "r_genuine", 0.85, """
            They sent it, it is genuine.
            Yes, I called, it is from them.
            Confirmed by the sender."""),
        answer("Sender knows nothing", "e_partner", 0.15, """
            They know nothing of it.
            Their mailbox was hacked, they say.
            They did not send it.""")),
    action("report", """
        Press Report phishing in Outlook so that we get the original.
        Please use the button Report, then Phishing, in the ribbon.
        Report it with the button in Outlook, do not forward it.
        Mark it as phishing by the Report button.""",
        answer("Reported", "spread", 0.97, """
            Reported, it went out of my inbox.
            Done.
            Pressed it, it says thank you."""),
        answer("Button is missing", "spread", 0.03, """
            I have no such button.
            No button, I saved it as a file.
            Cannot find it."""),
        helped="""
            Where is the button? => In the ribbon on the right, the envelope with the hook."""),
    script("spread", """
        Run Find-SimilarMail.ps1 for the subject and sender.
        I am looking for the same mail in other mailboxes with Find-SimilarMail.ps1.
        Find-SimilarMail.ps1 shows who else received it.
        Searching all mailboxes by Find-SimilarMail.ps1.""",
        answer("Nobody else", "block", 0.52, """
            Only this mailbox.
            Nobody else got it.
            One hit, this one."""),
        answer("Others got it too", "purge", 0.48, """
            Fourteen others have it.
            It went to the whole of {dept}.
            Several hits.""")),
    script("purge", """
        Run Remove-MailEverywhere.ps1 for the message.
        I take it out of all mailboxes with Remove-MailEverywhere.ps1.
        Remove-MailEverywhere.ps1 deletes it everywhere now.
        Purging the mail by Remove-MailEverywhere.ps1.""",
        answer("Worked", "block", 0.95, """
            All of them removed.
            It is gone everywhere.
            Removed from every mailbox."""),
        answer("No change", "e_security", 0.05, """
            Two could not be removed.
            The removal failed.
            Error, mailboxes on hold.""")),
    action("block", """
        Block the sender's domain and the link in the mail filter.
        I block sender and link in the filter.
        Put the domain and the address of the page on the block list.
        Sender and link go on the block list now.""",
        answer("Blocked", "r_blocked", 1.0, """
            Good, thank you.
            Blocked, great.
            Fine.""")),
    question("page", """
        What did the page look like, and did you close it at once?
        Which page opened? Did it ask for a log-in?
        What came up after the click: a log-in page, a download, nothing?
        Did the page want a password, or load a file?""",
        answer("Log-in page, nothing typed", "scan", 0.66, """
            A log-in page, I closed it.
            It wanted my password, I did not type it.
            Looked like our log-in, I stopped there."""),
        answer("Something was downloaded", "isolate", 0.22, """
            A file was downloaded.
            It loaded a zip.
            Something landed in my downloads."""),
        answer("I typed my password", "reset", 0.12, """
            I typed it in, sorry.
            I did log in there.
            The password, yes.""")),
    script("scan", """
        Run Start-QuickScan.ps1 on the device.
        I run a quick scan on {host} with Start-QuickScan.ps1.
        Start-QuickScan.ps1 checks the {device}, it takes three minutes.
        Checking the computer by Start-QuickScan.ps1.""",
        answer("Clean", "report", 0.95, """
            Nothing found.
            Clean.
            No threats, it says."""),
        answer("Something found", "isolate", 0.05, """
            It found something.
            One threat found.
            A warning came up.""")),
    action("isolate", """
        Isolate the device from the network and leave it switched on.
        I cut the {device} off the network now; leave it on, please.
        Pull the cable, turn Wi-Fi off, do not switch the computer off.
        The device is being isolated, please do not touch it.""",
        answer("Isolated, scan is clean", "r_isolated", 0.8, """
            Isolated, and the full scan found nothing.
            Scan is clean, you can connect me again.
            Clean after the full scan."""),
        answer("Malware found", "e_security", 0.1, """
            The scan found a trojan.
            It found malware.
            Red warning, two items.""")),
    action("reset", """
        Reset the password now and sign out all sessions.
        I reset your password and end every session at once.
        New password first, then all sessions are signed out.
        We change the password now and throw out all log-ins.""",
        answer("Done", "signins", 1.0, """
            New password is set.
            Done, I had to sign in everywhere again.
            Changed.""")),
    question("signins", """
        Does the sign-in log show log-ins from unknown places?
        Any foreign sign-ins or new mailbox rules since then?
        Is there a sign-in that was not yours, or a strange inbox rule?
        Look at sign-ins and rules: anything odd?""",
        answer("Nothing odd", "r_reset", 0.78, """
            Only my own.
            Nothing odd.
            No rules, no foreign log-ins."""),
        answer("Foreign sign-in", "e_security", 0.15, """
            One from abroad ten minutes ago.
            There is a rule that moves mails away.
            A log-in I do not know.""")),
    resolution("r_genuine", """
        The mail is genuine; you can use it.
        It is real this time, asking was still right.""", """
        Mail was genuine, confirmed by sender.
        False alarm, sender confirmed."""),
    resolution("r_blocked", """
        Sender and link are blocked; thank you for reporting it.
        The mail is gone and the sender blocked. Well spotted.
        It is dealt with for everybody.""", """
        Phishing reported, sender and link blocked.
        Mail removed, domain blocked, user thanked."""),
    resolution("r_isolated", """
        The computer is clean and back on the network.
        Full scan clean, the isolation is lifted.""", """
        Device isolated, full scan clean, released.
        Attachment opened, nothing executed, device released."""),
    resolution("r_reset", """
        The password is new, all sessions ended, nothing was misused.
        Your account is safe again; keep an eye on sign-in requests.""", """
        Password reset, sessions revoked, sign-ins clean.
        Credentials entered on phishing page, reset in time."""),
    escalation("e_partner", """
        Escalate to security: a partner's mailbox seems to be taken over.
        Security informs the partner, I pass it on."""),
    escalation("e_security", """
        Escalate to the security team as an incident.
        This is an incident now, the security team takes over."""),
)
# fmt: on

TOPIC = Topic(
    key="phishing",
    title="A user reports a phishing mail",
    domain="Security",
    team=MICROSOFT_365,
    per_2000=75,
    root="did",
    nodes=NODES,
    titles=(
        "Suspicious mail",
        "Phishing reported",
        "Strange mail from {fake}",
        "Possible phishing in {dept}",
        "Mail with odd link",
    ),
    summaries=(
        "I got a strange mail that claims to be from {fake}. {urgency}",
        "Suspicious mail with a link, supposedly {fake}, came {came}.",
        "Is this mail from {fake} real? It came {came}.",
        "User in {dept} reports a phishing mail in the name of {fake}.",
        "A mail from {fake} wants me to log in, that looks fishy. {urgency}",
        "Several of us in {dept} got an odd mail from {fake} {came}.",
    ),
    slots={
        "fake": ("the bank", "a parcel service", "our boss", "the IT department", "the tax office"),
        "came": ("this morning", "just now", "over night", "after lunch", "yesterday evening"),
    },
    priorities={"P1": 0.1, "P2": 0.5, "P3": 0.35, "P4": 0.05},
)
