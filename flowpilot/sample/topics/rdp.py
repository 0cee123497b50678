"""Remote desktop does not connect. No flow yet, and far too much of it is escalated (see `gaps`)."""

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
    question("network", """
        Are you in the office network, by cable, Wi-Fi or VPN?
        How are you connected: in the office, or at home with VPN?
        Is the VPN on, or are you in the building?
        Do you have a connection to the office network at all?
        From where do you connect, and is the VPN up?""",
        answer("Yes, or VPN is up", "target", 0.91, """
            At home, VPN is up.
            In the office.
            VPN is connected.
            Yes, the shield is green."""),
        answer("No VPN", "r_vpn", 0.09, """
            No, I have not started the VPN.
            VPN is off.
            I did not know I need it.""")),
    question("target", """
        What do you connect to: your own office computer or the terminal server?
        Which machine do you want to reach by remote desktop?
        Is it your office PC or the shared terminal server?
        Where should the remote desktop take you, your PC or the server?
        Office computer or terminal server?""",
        answer("Office computer", "awake", 0.5, """
            My PC in the office.
            My own computer at the desk.
            The machine under my desk.
            The office computer, the one I always use."""),
        answer("Terminal server", "message", 0.5, """
            The terminal server.
            The server where {app} runs.
            The shared server, the big one.
            The one for {app}."""),
        helped="""
            How do I know which it is? => Read me the name in the remote desktop window."""),
    question("awake", """
        Does the office computer answer on the network?
        Is the office PC switched on and reachable?
        Let me see: does your computer in the office answer?
        Is your PC in the office switched on?""",
        answer("It answers", "message", 0.55, """
            Yes, it answers.
            It should be on, yes.
            It is online, you say? Good."""),
        answer("No answer", "wake", 0.45, """
            No answer.
            I think I shut it down.
            It is off, probably.
            There was a power cut yesterday.""")),
    script("wake", """
        Run Wake-OfficePc.ps1 for the computer.
        I am waking it with Wake-OfficePc.ps1, wait two minutes.
        Wake-OfficePc.ps1 sends the wake-up signal now.
        Sending a wake-up to your computer by Wake-OfficePc.ps1.""",
        answer("Worked", "r_woken", 0.66, """
            I am in.
            It came up and I can connect.
            Connected after a minute."""),
        answer("No change", "e_onsite", 0.34, """
            It stays off.
            No answer yet.
            Nothing, still not reachable.""")),
    question("message", """
        What does the remote desktop say?
        Which error comes when you connect?
        What is the message in the remote desktop window?
        Read me the error of the remote desktop, please.
        How does the connection fail, with which words?""",
        answer("Credentials did not work", "format", 0.3, """
            Your credentials did not work.
            It does not take my password.
            The log-on attempt failed."""),
        answer("No licence or too many users", "sessions", 0.2, """
            No remote desktop licence servers available.
            The number of connections is limited, it says.
            Too many users are logged on."""),
        answer("Black screen", "keys", 0.24, """
            I connect and the screen stays black.
            Black, only the mouse pointer.
            It is connected but all black."""),
        answer("Cannot connect to the computer", "gateway", 0.26, """
            Remote desktop cannot connect to the remote computer.
            It cannot find the computer.
            After a while: the computer cannot be reached.""")),
    action("format", """
        Enter the user name with the domain in front and the password again.
        Please type domain, backslash, user name, then the password.
        Use the long form of the user name, with the company in front.
        Write the user name as the full mail address and try again.""",
        answer("Connected", "r_format", 0.54, """
            With the domain it works.
            I am in.
            Yes, connected."""),
        answer("Refused again", "group", 0.46, """
            Refused again.
            Same message.
            No, it does not take it."""),
        helped="""
            What is my domain? => It is the short company name, as in your log-in at the office."""),
    question("group", """
        Is the account in the remote desktop users group?
        Do you have the right to log on remotely to that machine?
        Is the user in the group for remote log-on?
        Check the group: may this user log on by remote desktop?""",
        answer("No, added now", "r_group", 0.5, """
            I was not in it? Now it works.
            Added, and I am in.
            After adding me it connects."""),
        answer("Yes, already", "e_server", 0.5, """
            I am in the group and still refused.
            Already a member.
            Yes, in the group, no effect.""")),
    script("sessions", """
        Run Close-IdleSessions.ps1 on the terminal server.
        I am closing idle sessions with Close-IdleSessions.ps1.
        Close-IdleSessions.ps1 logs off those who left hours ago.
        Freeing places on the server by Close-IdleSessions.ps1.""",
        answer("Worked", "r_sessions", 0.45, """
            Now there is room, I am in.
            Connected.
            Yes, I got a place."""),
        answer("No change", "e_server", 0.55, """
            Still no licence.
            Same error.
            Still full.""")),
    action("keys", """
        Press Control, Alt and End, then sign out and connect again.
        Use Control Alt End in the black window, choose Sign out, connect anew.
        Please press Ctrl, Alt, End there and log off, then try again.
        In the black screen: Control, Alt, End, sign out.""",
        answer("Desktop appears", "r_black", 0.54, """
            The menu came, now I see my desktop.
            Signed out and in, it is there.
            Desktop is back."""),
        answer("Stays black", "e_server", 0.46, """
            Stays black.
            The keys do nothing.
            No menu, only black."""),
        helped="""
            My keyboard has no End key. => Use the on-screen keyboard, it has one."""),
    question("gateway", """
        Is the gateway address filled in under Advanced?
        Look in Advanced, Settings: is the gateway server entered?
        In the remote desktop's options, which gateway is set?
        Is there a gateway name in the advanced settings?""",
        answer("Empty or old", "r_gateway", 0.44, """
            The field is empty.
            An old name is in there.
            Automatic is chosen, nothing entered."""),
        answer("Right one", "e_server", 0.56, """
            The right one is there.
            rdg.northwind.example, yes.
            It is filled in."""),
        helped="""
            Where is Advanced? => Click Show options at the bottom left, it is the last tab."""),
    resolution("r_vpn", """
        Start the VPN first; with it the remote desktop connects.
        Without the VPN it cannot work, now you are in.""", """
        VPN was off, remote desktop works with it.
        User connects VPN first now."""),
    resolution("r_woken", """
        Your office computer was off; it is awake and connected.
        It was asleep, and I switched sleep off for it.""", """
        Office PC woken over the network.
        PC was asleep, woken, power plan changed."""),
    resolution("r_format", """
        The user name needs the domain in front; saved like this it works.
        With the full user name you are connected.""", """
        User name entered with domain.
        Saved wrong user name format, corrected."""),
    resolution("r_group", """
        The right for remote log-on was missing, it is set.
        You are in the remote desktop group now.""", """
        Added to remote desktop users.
        Remote log-on right granted after approval."""),
    resolution("r_sessions", """
        Idle users held the places; they are logged off and you are in.
        There is room on the server again.""", """
        Idle sessions closed on terminal server.
        Session limit reached, stale sessions ended."""),
    resolution("r_black", """
        The old session hung; signed out and in, the desktop is there.
        After signing out of the black session it works.""", """
        Hung session signed out, desktop loads.
        Black screen, session reset by user."""),
    resolution("r_gateway", """
        The gateway was not set; with it the connection goes through.
        I sent you a file with the right gateway, use that one.""", """
        Gateway set in the client.
        New connection file with gateway sent."""),
    escalation("e_onsite", """
        Escalate to the field team: the computer must be switched on by hand.
        Somebody has to press the power button, I ask the field team."""),
    escalation("e_server", """
        Escalate to the server team with the time of the attempt.
        The server team has to look at the host, I pass it on.
        I hand this to the server team with the exact message."""),
)
# fmt: on

TOPIC = Topic(
    key="rdp",
    title="Remote desktop does not connect",
    domain="Remote access",
    team=SERVICE_DESK,
    per_2000=100,
    root="network",
    nodes=NODES,
    titles=(
        "Remote desktop not connecting",
        "RDP to {target} fails",
        "Cannot reach office PC",
        "Terminal server problem",
        "RDP error {when}",
    ),
    summaries=(
        "Remote desktop to {target} does not work {when}. {urgency}",
        "I cannot get onto {target} from home by remote desktop.",
        "RDP trouble {when}, I need {app} on {target}. {urgency}",
        "User in {dept} cannot start a remote desktop session to {target}.",
        "Remote desktop fails {when}, so no {app} for me.",
        "No connection to {target} over RDP {when}. {urgency}",
    ),
    slots={
        "target": ("TS-01", "TS-02", "PC-0417", "PC-0233", "TS-ERP", "PC-1108"),
        "app": ("the ERP", "payroll", "the CAD viewer", "the archive", "time recording"),
    },
)
