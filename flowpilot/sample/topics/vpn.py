"""VPN does not connect. Published flow; one of its answers rarely ends well (see `gaps`)."""

from flowpilot.sample.cast import SERVICE_DESK
from flowpilot.sample.model import (
    PORTABLE,
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

#: The answer whose sessions often end at second level.
WEAK_OPTION = "Connected, but nothing internal opens"

# fmt: off
NODES = tree(
    question("others", """
        Are colleagues of yours able to connect at the moment?
        Do you know of others who cannot get on the VPN right now?
        Is it just you, or is the VPN down for your colleagues as well?
        Have you heard of anybody else with VPN trouble today?
        Is anyone else on your team affected?""",
        answer("Only me", "restart", 0.98, """
            Only me, the others are working.
            My colleague is connected, so just me.
            As far as I know it is only mine.
            Nobody else has said anything."""),
        answer("Others too", "e_outage", 0.02, """
            Three of us in the chat have it.
            My whole team is off.
            Others too, it seems.""")),
    action("restart", """
        Quit the VPN client completely, open it again and connect.
        Please exit the VPN client from the tray, start it again and press Connect.
        Close the VPN client fully and reopen it, then try once more.
        Let us start the client fresh: quit, reopen, connect.
        End the VPN client and launch it again.""",
        answer("Still fails", "message", 0.92, """
            Done, it still fails.
            Reopened it, no luck.
            Same as before.
            Did that, does not help."""),
        answer("Connects now", "r_client_hung", 0.08, """
            Oh, now it connects.
            That was enough, it is green.
            Funny, now it works."""),
        helped="""
            How do I quit it completely? => Right-click the shield beside the clock and choose Exit.
            Will I lose my open files? => No, only the connection is closed, your files stay open."""),
    question("message", """
        What does the VPN client show when it fails?
        Which message do you get from the VPN client?
        When you press Connect in the VPN client, what comes up?
        Can you read me what the VPN window says?
        What exactly happens after you click Connect on the VPN?
        Tell me the error that the VPN client gives you.""",
        answer("It times out", "website", 0.32, """
            It just spins and then says timed out.
            Connection timed out, every time.
            After a minute it says the gateway did not respond.
            It keeps connecting and then gives up."""),
        answer("Sign-in is rejected", "new_password", 0.24, """
            It says my credentials are wrong.
            Login failed, but I am sure the password is right.
            Authentication failed.
            It does not accept my user name and password."""),
        answer(WEAK_OPTION, "repair_routes", 0.54, """
            It says connected, but the intranet does not open.
            The VPN is green and still I get no shares and no intranet.
            Connected, yes, but nothing from the office loads.
            It connects fine, then I cannot reach any of our servers.
            There is a tick on the VPN but {resource} stays blank."""),
        answer("Certificate error", "clock", 0.1, """
            Something about a certificate that is not valid.
            It says the certificate could not be verified.
            A certificate warning and then it stops."""),
        helped="""
            Where do I find the VPN client? => It is the shield icon beside the clock; the arrow shows hidden icons.
            Do you need the number in brackets too? => No, the first sentence of the message is enough."""),
    question("website", """
        Does a public website open on the same connection?
        Can you browse the normal internet right now?
        With the VPN off, does any website load?
        If you open a news page in the browser, does it come up?
        Is your internet itself working?""",
        answer("Yes, websites open", "hotspot", 0.72, """
            Yes, the internet is fine.
            News page opens straight away.
            Browsing works, only the VPN does not.
            Yes, no problem with websites."""),
        answer("No, nothing opens", "router", 0.28, """
            No, nothing loads at all.
            Now that you say it, no page opens.
            No internet either.
            The browser says I am offline.""")),
    action("router", """
        Restart the home router and wait three minutes.
        Please unplug the router for ten seconds and let it start again.
        Power-cycle your router, then give it a few minutes.
        Switch the internet box off and on and wait for its lights.""",
        answer("Internet is back, VPN connects", "r_router", 0.86, """
            Internet is back and the VPN connected.
            All lights are green, VPN is up too.
            Yes! Both work now."""),
        answer("Still no internet", "e_provider", 0.08, """
            Still nothing, one light stays red.
            No change, no internet.
            The router restarted but I am still offline."""),
        helped="""
            Which of the two boxes is the router? => The one with the antennas or the wireless name on its label."""),
    action("hotspot", """
        Connect the computer to a phone hotspot and try the VPN again.
        Use your mobile phone as a hotspot for a moment and retry the VPN.
        Let us rule out the home line: share your phone's internet and connect again.
        Please try the VPN over your phone's mobile data.
        Could you switch to a hotspot and press Connect once more?""",
        answer("Connects over the hotspot", "r_port", 0.6, """
            Over my phone it connects.
            Works with the hotspot.
            Yes, with mobile data it is there in seconds.
            It connects on the phone's internet."""),
        answer("Times out there too", "reinstall", 0.4, """
            Same thing on the hotspot.
            No, it times out as well.
            Still the timeout, even over the phone."""),
        helped="""
            How do I turn the hotspot on? => In the phone's settings look for Hotspot or Tethering and switch it on.
            Will that cost me anything? => A minute of use takes a few megabytes, so hardly."""),
    script("reinstall", """
        Run Reinstall-VpnClient.ps1 on the device.
        I am running Reinstall-VpnClient.ps1 on {host}, the client will vanish for a moment.
        Reinstalling the VPN client with Reinstall-VpnClient.ps1.
        Start the script Reinstall-VpnClient.ps1 and connect again.""",
        answer("Worked", "r_client", 0.86, """
            The new client connected at once.
            It is reinstalled and works.
            Connected on the first try after the script."""),
        answer("No change", "e_network", 0.1, """
            Script finished, still times out.
            Same timeout with the fresh client.
            No difference after the reinstall.""")),
    question("new_password", """
        Did you change your password in the last few days?
        Have you set a new password recently?
        Was there a password change this week?
        Is your password new, or did the system ask you to change it lately?""",
        answer("Yes", "use_new", 0.58, """
            Yes, on Monday.
            I had to change it yesterday.
            Yes, it expired last week.
            Yes, it forced me to pick a new one."""),
        answer("No", "prompt", 0.42, """
            No, it is the same as always.
            Not that I remember.
            No, nothing changed.""")),
    action("use_new", """
        Delete the saved sign-in in the VPN client and type the new password.
        Remove the stored password from the VPN profile, then sign in with the new one.
        In the VPN client choose Forget saved sign-in and enter your new password.
        Clear the remembered credentials and log in again with the current password.""",
        answer("Connects now", "r_saved", 0.9, """
            It had the old one saved. Connected now.
            Yes, that works.
            With the new password it went through."""),
        answer("Rejected again", "prompt", 0.1, """
            Still says wrong credentials.
            No, it rejects the new one as well.
            Same message again."""),
        helped="""
            Where is the saved sign-in? => Three dots beside the connection, then Forget saved sign-in."""),
    question("prompt", """
        Does a sign-in prompt reach your phone when you connect?
        When you connect, do you get the approval request on your phone?
        Is there an MFA prompt on your mobile after you enter the password?
        Do you see a request in the authenticator app at that moment?""",
        answer("Yes, and I approve it", "r_unlock", 0.55, """
            Yes, I tap approve and then it fails.
            The prompt comes and I accept it.
            Yes, approved, but rejected anyway."""),
        answer("No prompt arrives", "r_method", 0.45, """
            No, nothing on the phone.
            The phone stays silent.
            No prompt at all.
            I changed phones, so maybe it goes to the old one.""")),
    script("repair_routes", """
        Run Repair-VpnRoutes.ps1 and reconnect.
        I am running Repair-VpnRoutes.ps1 on {host}, then please connect again.
        Rebuilding routes and name servers with Repair-VpnRoutes.ps1.
        Let me start Repair-VpnRoutes.ps1; disconnect and connect when it is done.""",
        answer("Worked", "r_routes", 0.57, """
            Now {resource} opens.
            Intranet is back after reconnecting.
            Yes, everything loads again."""),
        answer("No change", "e_gateway", 0.43, """
            Connected again, still nothing opens.
            No change, {resource} does not load.
            Same as before the script.
            Still blank pages, sorry.""")),
    question("clock", """
        Are date and time on the device right?
        Look at the clock in the corner: is it correct?
        Does your computer show the right date and time?
        Is the clock on the {device} correct?""",
        answer("No", "r_clock", 0.4, """
            No, it is an hour off.
            It shows last year, strange.
            The date is wrong, actually."""),
        answer("Yes", "renew", 0.6, """
            Yes, it is right.
            Date and time are fine.
            Correct to the minute.""")),
    action("renew", """
        Open the company portal and request a new device certificate.
        In the company portal press Sync so that the device gets a fresh certificate.
        Please renew the device certificate from the company portal.
        Request a new certificate in the portal app, then connect again.""",
        answer("Connects with the new certificate", "r_cert", 0.85, """
            New certificate is there and it connects.
            After the sync the error is gone.
            Yes, connected now."""),
        answer("Portal gives an error", "e_cert", 0.15, """
            The portal says it cannot reach the service.
            It shows a red cross at the certificate.
            The request fails with an error.""")),
    resolution("r_router", """
        The router had hung; connection and VPN are back.
        That was the router at home, VPN is up again.
        Solved by the router restart.""", """
        Home router restarted, VPN connects.
        Router had hung. Restart fixed line and VPN."""),
    resolution("r_port", """
        The home line blocks the VPN port; use the profile over port 443 from now on.
        Switch to the 443 profile at home, your line blocks the standard port.
        Please choose the profile named Home 443, your provider filters the other port.""", """
        Provider blocks the VPN port, user moved to the 443 profile.
        Works over hotspot; set default profile to 443 for the home line."""),
    resolution("r_client", """
        The client was damaged; the fresh installation connects.
        With the reinstalled client you are connected again.
        The new installation of the VPN client solved it.""", """
        VPN client reinstalled by script.
        Broken client after update, reinstalled, connects."""),
    resolution("r_saved", """
        The client had kept the old password; it is replaced now.
        The saved password was out of date, all good now.
        Old password was stored in the VPN profile, that is gone.""", """
        Old password saved in VPN profile, removed.
        Stored sign-in cleared after a reset."""),
    resolution("r_unlock", """
        Your remote access group was missing; I added it, please connect again.
        You were not in the remote access group any more. Added, it works now.
        I put your account back into the VPN group, sign in once more.""", """
        Added account to remote access group.
        Group membership lost after move, restored."""),
    resolution("r_method", """
        I sent the prompt to your current phone; approve it and you are in.
        Your old phone was still registered. I changed it to the new one.
        The prompt goes to the right phone again.""", """
        MFA method pointed to old phone, replaced.
        Prompt re-registered, VPN connects."""),
    resolution("r_routes", """
        Routes and name servers are right again, internal pages open.
        The script put the office routes back.
        Internal names resolve again through the tunnel.""", """
        Routes rebuilt by script, intranet opens.
        Split tunnel routes missing, repaired."""),
    resolution("r_clock", """
        Set the clock to automatic; with the right time the certificate is accepted.
        Time is synchronised again, the certificate is valid now.
        The wrong clock made the certificate look expired. Corrected.""", """
        Clock was wrong, set to automatic.
        Time sync fixed, certificate accepted."""),
    resolution("r_cert", """
        The device has a new certificate and connects.
        Certificate renewed, the VPN accepts it.
        With the renewed certificate you are connected.""", """
        Device certificate renewed.
        Expired certificate, renewed from the portal."""),
    resolution("r_client_hung", """
        The client had hung; after the fresh start it connects.
        A fresh start of the client was enough.
        The VPN client was stuck, it is fine again.""", """
        VPN client hung, restarted.
        Fixed by quitting and reopening the client."""),
    escalation("e_outage", """
        Escalate to the network team: several users cannot connect.
        I raise this as an outage with the network team, you are not alone.
        More than one user is affected, the network team is looking at it."""),
    escalation("e_provider", """
        Hand over to the field team: the line at home is down.
        I pass this on, your line needs to be checked with the provider.
        The line is down; a colleague will arrange it with your provider."""),
    escalation("e_network", """
        Escalate to the network team with the client's log.
        I am handing this to the network team together with the log file.
        The network team takes over, I attached the client log."""),
    escalation("e_gateway", """
        Escalate to the network team: connected, but no internal traffic.
        Our network team needs to look at the gateway, I am passing it on.
        I hand this to the network team, the tunnel carries no internal traffic."""),
    escalation("e_cert", """
        Escalate to device management: the certificate cannot be issued.
        Device management has to issue the certificate, I am passing it on.
        I forward this to device management because the portal refuses."""),
)
# fmt: on

TOPIC = Topic(
    key="vpn",
    title="VPN does not connect",
    domain="Networking",
    team=SERVICE_DESK,
    per_2000=225,
    root="others",
    nodes=NODES,
    titles=(
        "VPN not working from {place}",
        "Cannot connect to VPN",
        "VPN problem on {device}",
        "Remote user cannot get on the VPN",
        "VPN fails {when}",
    ),
    summaries=(
        "VPN on my {device} will not work from {place} {when}. {urgency}",
        "I work from {place} and cannot get into the company network over VPN {when}.",
        "The VPN client gives trouble {when}, I need {resource}. {urgency}",
        "User in {dept} at {place} cannot use the VPN, {device} was fine before.",
        "Home office today and no VPN. I cannot get to {resource}. {urgency}",
        "VPN trouble again, {when}. Restarted the {device} twice already.",
    ),
    slots={
        "device": PORTABLE,
        "place": ("home", "a hotel", "the airport", "a client's office", "a shared office"),
        "resource": ("the intranet", "the ERP", "the file server", "the time sheet", "the wiki"),
    },
    flow=Published(
        "vpn-connect",
        "VPN does not connect",
        "From the client's message to a working tunnel, for users outside the office.",
    ),
)
