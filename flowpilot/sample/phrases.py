"""What is said in any session, whatever its topic."""

GREETINGS = (
    "Hi, thanks for calling the service desk. What can I do for you?",
    "Good morning, Northwind support. How can I help?",
    "Hello, you are through to IT support. Tell me what is happening.",
    "Hi there, I have picked up your ticket. Is now a good time?",
    "Hello, this is the service desk calling about your ticket.",
)
ACKNOWLEDGEMENTS = (
    "Sorry to hear that, let us have a look together.",
    "Thanks, that helps. I will ask you a few things.",
    "Okay, bear with me while I open your record.",
    "Understood, we will get that sorted.",
)
GO_AHEADS = ("Okay.", "Sure, go ahead.", "Thanks.", "Right, I am at my desk now.", "Fine by me.")
THANKS = (
    "That did it, thank you!",
    "Brilliant, it is working now.",
    "Works again, thanks for the quick help.",
    "Great, all good here. Thanks a lot.",
    "Perfect, I can get on with my day.",
    "Yes, sorted. Thank you.",
)
FAREWELLS = (
    "Glad to hear it. I will close the ticket, have a good day.",
    "You are welcome. Call us if it comes back.",
    "Good. You will get a short survey by mail, bye for now.",
    "No trouble at all. Goodbye!",
)
ESCALATION_REPLIES = (
    "Okay, how long will that take?",
    "Fine, please keep me posted.",
    "Alright, I will wait for the call.",
    "I need it before the end of the day, please tell them that.",
)
NOTES = (
    "User is in a meeting until the half hour, called back after it.",
    "Remote session accepted, working on the screen with the user.",
    "Asset record checked: device is managed and in warranty.",
    "User asks for a call on the mobile number in the ticket.",
    "Screenshot of the message attached to the ticket.",
    "Same user had a ticket two weeks ago, looks unrelated.",
    "Checked the status page: no known outage.",
    "User is travelling, connection is slow.",
    "Second monitor complaint mentioned in passing, new ticket opened for it.",
)
WENT_BACK = (
    "Went back a step: the earlier answer was not right.",
    "Wrong turn, back to the question before.",
    "User corrects the earlier answer, going back.",
    "That was a misunderstanding on the phone, one step back.",
)
NOT_THIS = (
    "No, hold on, that is not what I meant.",
    "Hm, that does not fit what I see here.",
    "Sorry, I mixed that up before.",
    "Wait, I looked at the wrong thing.",
)
HANDED_OVER = (
    "Handed to second level: needs rights the desk does not have.",
    "Passed to second level, the user cannot wait any longer.",
    "Escalated: out of time on the first line, all details are above.",
    "Given to a senior colleague after the agreed thirty minutes.",
    "Escalated, the change needs approval from the client's IT contact.",
)
SITE_HANDED_OVER = (
    "No remote access at this site, handed to someone who can drive there.",
    "Remote tool is blocked by the plant network, needs a visit on site.",
    "Shop-floor machine, only reachable on site: passed on.",
    "Local contact has no admin rights and we cannot connect: handed over.",
    "Cannot reach the device from here, site visit requested.",
)
NO_REPLY = (
    "No reply after three call-backs, closed for now.",
    "User did not answer for two days, ticket closed by the rule.",
    "User hung up for a meeting and has not come back to us.",
    "Mail and voicemail left, no reaction. Closing.",
)
WAITING = (
    "Waiting for the user to be back at the device.",
    "Paused until the user is home again.",
    "On hold, user will call when the meeting is over.",
    "Waiting for the restart and updates to finish.",
)
#: Diagnostics run on the side: a script and what it reported.
DIAGNOSTICS = (
    ("Ran Get-DeviceHealth.ps1 on {host}.", "All checks green."),
    ("Ran Get-DeviceHealth.ps1 on {host}.", "One warning: 9 days without a restart."),
    ("Collected the event log with Get-RecentErrors.ps1.", "Nothing that belongs to this problem."),
    ("Ran Test-Connectivity.ps1 from {host}.", "Gateway, name server and portal answer."),
    ("Ran Get-UpdateState.ps1.", "No updates missing."),
    ("Ran Get-UpdateState.ps1.", "Two updates waiting, installed tonight."),
)
FEEDBACK_GOOD = (
    "Straight to the point.",
    "The order of the questions saved me a call back.",
    "First time I did this one, and the flow carried me through.",
    "Good, the help text answered what the user asked.",
)
FEEDBACK_BAD = (
    "The answer I needed was not among the options.",
    "The menu looks different by now, the step should be worded anew.",
    "Too many questions before the one that matters.",
    "It ended with an escalation that I could have made at the start.",
)
