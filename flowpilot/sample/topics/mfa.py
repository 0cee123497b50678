"""The MFA prompt does not work. Published flow that went stale when the app's menus changed (see `gaps`)."""

from flowpilot.sample.cast import MICROSOFT_365
from flowpilot.sample.model import (
    Published,
    Topic,
    action,
    answer,
    escalation,
    question,
    resolution,
    tree,
)

#: Days before the newest session since when the published advice no longer fits the app.
STALE_DAYS = 45

# fmt: off
NODES = tree(
    question("scope", """
        Does it fail for one application or for all of them?
        Is it only one program, or every sign-in?
        Which sign-ins are affected, one or all?
        Can you still get into anything else with the approval?
        Just {app}, or everything that asks for approval?""",
        answer("All of them", "phone", 0.86, """
            All of them.
            Every sign-in.
            Whatever I open, it is the same.
            Everything that asks for it."""),
        answer("One application", "private", 0.14, """
            Only {app}.
            Just {app}, the rest works.
            One, {app}.""")),
    action("private", """
        Sign in from a private browser window.
        Please open a private window and sign in there.
        Try the same in a private window of the browser.
        Use a private window, so that no old log-in is in the way.""",
        answer("Works there", "r_cookies", 0.62, """
            In the private window it works.
            Yes, there I get in.
            Works like that."""),
        answer("Fails there too", "phone", 0.38, """
            Same there.
            No, fails as well.
            No difference."""),
        helped="""
            How do I open one? => Press Control, Shift and N in the browser."""),
    question("phone", """
        Do you still have the phone that is registered for the sign-in?
        Is it the same phone as before, or a new one?
        Have you changed your phone since you set up the sign-in?
        Same mobile as always, or did you get another one?
        Is the registered phone in your hands right now?""",
        answer("Same phone", "symptom", 0.72, """
            Same phone as always.
            Yes, the same one.
            Nothing changed, it is in my hand.
            Still my old one."""),
        answer("New phone", "old_phone", 0.2, """
            I got a new phone last week.
            New one, I swapped it on the weekend.
            A new phone, same number.
            It is new, the app is empty."""),
        answer("Phone lost or broken", "identity", 0.08, """
            I lost it.
            The screen is dead.
            It was stolen on the {place}.""")),
    question("symptom", """
        What goes wrong with the prompt?
        What happens when the sign-in asks for approval?
        Do you see the request on the phone, and what does it do?
        Which part fails: no prompt, no number to type, or a refusal?
        Tell me what the phone does when you sign in.""",
        answer("No prompt arrives", "notifications", 0.68, """
            Nothing comes to the phone.
            No request, the phone stays dark.
            The web page says it sent one, but there is nothing.
            I wait and no prompt arrives."""),
        answer("Prompt arrives, approval fails", "time", 0.24, """
            I approve and it says something went wrong.
            It comes, I tap yes, and it fails.
            The number is refused.
            Approved three times, always an error."""),
        answer("Prompts I did not ask for", "e_attack", 0.03, """
            I get requests without signing in.
            It keeps asking in the night, I did nothing.
            Requests come while I am not at the computer."""),
        helped="""
            Which app is it? => The blue one with the padlock, it is called Authenticator.
            What is the number for? => The screen shows two digits that you type on the phone."""),
    question("notifications", """
        Are notifications for the authenticator app allowed on the phone?
        Please look in the phone's settings: may the authenticator app send notifications?
        Is the app allowed to notify you, or is focus mode on?
        Check notifications for the app: on or off?""",
        answer("They were off", "r_notify", 0.22, """
            They were switched off.
            Focus mode was on!
            Off, no idea why."""),
        answer("They are on", "refresh", 0.78, """
            They are on.
            All allowed.
            Yes, notifications are on, sound too."""),
        helped="""
            Where is that setting? => Settings, Notifications, then scroll to the app.
            How do I leave focus mode? => Swipe down from the top and tap the half moon."""),
    action("refresh", """
        Open the app, choose Accounts in the menu, and pull down to check for requests.
        In the app go to the menu, Accounts, then pull the list down.
        Please open the authenticator, tap the menu, then Accounts, and drag down.
        Start the app, open Accounts from the menu, pull down to refresh.
        In the app's menu under Accounts, swipe down so that it looks for requests.""",
        answer("Request shows up", "r_refresh", 0.86, """
            There it is.
            The request came up when I pulled down.
            Yes, approved.""", late=0.26),
        answer("Nothing, or no such menu", "reregister_check", 0.14, """
            I see no such menu.
            There is no Accounts entry in the app.
            Nothing comes, the app looks different.
            The menu is not there any more.""", late=0.74)),
    question("reregister_check", """
        Can the user sign in with a text message instead?
        Is a text message offered under Sign in another way?
        Do you get a code by text if you choose another way?
        On the page choose another way to sign in: is a text message listed?""",
        answer("Yes", "reregister", 0.8, """
            Yes, the code by text works.
            I got the text.
            Text message is there.""", late=0.15),
        answer("No", "e_identity", 0.2, """
            No, only the app is offered.
            There is no other way listed.
            No text message.
            It only shows the app.""", late=0.85)),
    question("old_phone", """
        Is the old phone still working, so that you can approve there?
        Do you still have the old phone, switched on?
        Can you get at the old phone for a minute?
        Does the authenticator on the old phone still work?""",
        answer("Yes", "reregister", 0.52, """
            Yes, it is in the drawer, still working.
            I have it here.
            Yes, it still gets the requests."""),
        answer("No", "identity", 0.48, """
            No, I handed it in.
            It has been wiped.
            No, gone."""),
        helped="""
            Does it need a SIM card? => No, Wi-Fi is enough for the app."""),
    action("reregister", """
        Open the security info page, delete the old sign-in method and add this phone.
        On the security info page remove the old device and add the new one.
        Please go to your security info, delete the old app entry, add the phone again.
        In the browser open security info, take the old method out and scan the code.""",
        answer("Registered", "r_reregister", 0.95, """
            Scanned the code, the test came through.
            Done, it says registered.
            Works, got the test prompt."""),
        answer("Code is refused", "e_identity", 0.05, """
            The code is not accepted.
            It says the link has expired.
            Error after scanning."""),
        helped="""
            Where is the security info page? => Click your picture, View account, then Security info."""),
    question("time", """
        Is the phone's time set automatically?
        Does the phone take the time from the network?
        Please check date and time on the phone: automatic or by hand?
        Is the clock on the phone right to the minute?""",
        answer("By hand, or wrong", "r_time", 0.4, """
            It was by hand and two minutes late.
            Wrong time zone from my trip.
            Not automatic, and a bit off."""),
        answer("Automatic", "update", 0.6, """
            Automatic.
            Yes, from the network.
            The time is right.""")),
    action("update", """
        Update the authenticator app and approve again.
        Please install the app's update from the store and try once more.
        Bring the app up to date, then sign in again.
        Look in the store for an update of the app, install it, retry.""",
        answer("Approval works", "r_update", 0.92, """
            After the update it went through.
            Approved, I am in.
            Yes, with the new version it works."""),
        answer("Still fails", "e_identity", 0.08, """
            Still an error.
            Is up to date already, same error.
            No change.""")),
    action("identity", """
        Verify the caller by the manager and issue a temporary access pass.
        I verify you through your manager, then you get a temporary pass.
        The manager confirms who is calling; then issue a temporary access pass.
        After your manager has confirmed, I send a pass that is valid for an hour.""",
        answer("Signed in with the pass", "r_pass", 0.94, """
            The pass worked, new phone is set up.
            In, and the phone is registered.
            Signed in with the pass."""),
        answer("Manager not reachable", "e_identity", 0.06, """
            My manager is on leave.
            Nobody answers there.
            He does not pick up.""")),
    resolution("r_cookies", """
        An old log-in was kept in the browser; cleared, it works.
        With the cookies deleted the sign-in goes through.""", """
        Old cookies removed, sign-in works.
        Browser kept an old session, cleared."""),
    resolution("r_notify", """
        With notifications on, the requests show up again.
        The phone kept the requests quiet, now they arrive.
        Focus mode is off and the prompt came.""", """
        Notifications for the app were off.
        Focus mode suppressed the prompt, switched off."""),
    resolution("r_refresh", """
        The request was waiting in the app; approve it there when no prompt appears.
        Pulling down in the app fetches the request, remember that for next time.
        The request was there, it had only not popped up.""", """
        Request fetched by hand in the app.
        Prompt was delayed, approved after refresh."""),
    resolution("r_reregister", """
        This phone is registered now and gets the requests.
        The old entry is gone, the new one works.
        Registered again, the test request came through.""", """
        Authenticator registered again.
        Old device removed from security info, phone added."""),
    resolution("r_time", """
        With the automatic time the approval is accepted.
        The phone's clock was off, so the codes did not fit.
        Clock corrected, approval works.""", """
        Time on phone was wrong, set to automatic.
        Clock drift on phone, corrected."""),
    resolution("r_update", """
        The old app version was refused; updated, it works.
        With the current version the approval goes through.
        The update of the app solved it.""", """
        Authenticator app updated.
        App version was too old, updated from store."""),
    resolution("r_pass", """
        You are in with the temporary pass and the new phone is set up.
        The pass let you in, and your phone is registered for the next time.
        With the pass you could register the new phone.""", """
        Temporary access pass issued after verification, phone registered.
        Caller verified by manager, new phone set up with a pass."""),
    escalation("e_attack", """
        Escalate to security: the user gets prompts without signing in.
        Do not approve anything; our security team takes this over now.
        I pass this to security at once and block the sign-ins."""),
    escalation("e_identity", """
        Escalate to the identity team: the sign-in method must be reset.
        The identity team has to reset your sign-in method, I pass it on.
        I hand this to the identity team, they can clear the registration."""),
)
# fmt: on

TOPIC = Topic(
    key="mfa",
    title="MFA prompt does not arrive or fails",
    domain="Identity",
    team=MICROSOFT_365,
    per_2000=270,
    root="scope",
    nodes=NODES,
    titles=(
        "MFA not working",
        "No prompt on the phone",
        "Cannot approve sign-in",
        "Authenticator problem",
        "Two-step sign-in fails {when}",
    ),
    summaries=(
        "I do not get past the two-step sign-in {when}. {urgency}",
        "Authenticator on my phone is of no use {when}, I cannot open {app}.",
        "MFA for {app} fails {when}. {urgency}",
        "User in {dept} cannot approve the sign-in to {app}.",
        "The approval on my mobile does not work, so no {app} {when}.",
        "Sign-in to {app} hangs at the approval step. {urgency}",
    ),
    slots={
        "app": ("the mail", "the ERP", "the expense portal", "the document store", "the CRM"),
        "place": ("train", "tram", "ferry", "plane"),
    },
    flow=Published(
        "mfa-prompt",
        "MFA prompt does not arrive or fails",
        "Get the second step of the sign-in working again, with the same phone or a new one.",
        use=0.9,
    ),
    stale_days=STALE_DAYS,
)
