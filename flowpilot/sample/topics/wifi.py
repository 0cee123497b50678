"""Wi-Fi does not connect. No flow yet; one narrow path that only few sessions take."""

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
    question("listed", """
        Does the {device} list the office Wi-Fi at all?
        Open the network list: is our Wi-Fi in it?
        Can you see the company network among the wireless networks?
        When you click the network symbol, is the office network listed?
        Is the wireless network shown in the list?""",
        answer("Yes, listed", "nearby", 0.68, """
            Yes, it is there with full bars.
            It is listed.
            I see it, it just does not connect.
            Yes, our network is at the top."""),
        answer("Other networks only", "band", 0.12, """
            Only the ones of the neighbours.
            I see others, ours is missing.
            Our network is not there, others are."""),
        answer("No network at all", "switch", 0.2, """
            The list is empty.
            No networks found, it says.
            Nothing in there at all."""),
        helped="""
            Where is the network list? => Click the symbol left of the clock, then the arrow by Wi-Fi.
            Which one is ours? => The one that starts with the company's initials and ends in CORP."""),
    question("nearby", """
        Do other devices around you have Wi-Fi in the same spot?
        Is the phone or a colleague's laptop online in the same room?
        Are others near you connected to the Wi-Fi?
        Does the Wi-Fi work for the people beside you?
        Is it only your {device}, or everybody in that corner?""",
        answer("Others are online", "forget", 0.86, """
            Everybody else is online.
            My phone works on it.
            Yes, the others are fine.
            Only mine is off."""),
        answer("Nobody is", "access_point", 0.14, """
            No, the whole {floor} is off.
            None of us has Wi-Fi here.
            My colleague lost it as well.""")),
    action("forget", """
        Forget the network, then join it again with your company sign-in.
        Please remove the Wi-Fi from the known networks and connect anew.
        Choose Forget on our network, then join it once more.
        Let us delete the saved network and sign in to it again.
        Take the network out of the known ones and reconnect.""",
        answer("Connected", "steady", 0.4, """
            It asked for the sign-in and is connected.
            Connected now.
            Yes, it says secured."""),
        answer("Still refuses", "cable", 0.6, """
            It says cannot connect to this network.
            No, same message.
            It tries and then gives up.
            Refused again."""),
        helped="""
            How do I forget a network? => Right-click its name in the list and choose Forget.
            Which sign-in do you mean? => The same mail address and password as for your computer."""),
    question("steady", """
        Watch it for two minutes: does the connection stay up?
        Does it stay connected if you walk to the next room?
        Is it stable now, or does it drop again?
        Wait a moment, please. Is it still connected?""",
        answer("Stays up", "r_profile", 0.8, """
            Stays connected, even in the kitchen.
            Still up.
            Stable, yes."""),
        answer("Drops again", "power", 0.2, """
            Gone again after a minute.
            It dropped when I moved.
            It comes and goes.""")),
    action("power", """
        Switch off power saving for the wireless adapter in the device manager.
        In the device manager untick that Windows may turn the Wi-Fi adapter off.
        Please take away the tick at power management of the wireless card.
        Turn power saving off for the adapter.""",
        answer("Stays up", "r_power", 0.9, """
            No drop for ten minutes.
            Stable since then.
            It holds now."""),
        answer("Drops again", "e_survey", 0.1, """
            Dropped again.
            No, it still comes and goes.
            Same.""")),
    action("cable", """
        Plug in a network cable and tell me whether you get online with it.
        Is there a network socket? Please connect by cable for the next step.
        Connect the dock or a cable so that I can reach the {device}.
        Let us go by cable for a moment: plug it in, please.""",
        answer("Online by cable", "adapter", 0.92, """
            Yes, by cable I am online.
            On the dock it works.
            Cable is in, you can connect to me."""),
        answer("Not even by cable", "e_network", 0.03, """
            No, not even with a cable.
            The cable does nothing.
            Still offline.""")),
    script("adapter", """
        Run Reset-WirelessAdapter.ps1 on the device.
        I am running Reset-WirelessAdapter.ps1 on {host}, keep the cable in.
        Resetting the wireless adapter with Reset-WirelessAdapter.ps1.
        Reset-WirelessAdapter.ps1 is running, the Wi-Fi symbol will vanish shortly.""",
        answer("Worked", "r_adapter", 0.62, """
            Pulled the cable and I am still online.
            Wi-Fi connects again.
            Connected on its own after the script."""),
        answer("No change", "update", 0.38, """
            It does not connect.
            Script is through, no change.
            Same error.""")),
    question("update", """
        Was the wireless driver updated in the last week?
        Did Windows install a new Wi-Fi driver recently?
        Look at the driver's date: is it from the last few days?
        Is there a fresh driver in the update history?""",
        answer("Yes", "rollback", 0.68, """
            Yes, three days ago.
            There is one from this week.
            A driver came with the last update."""),
        answer("No", "certificate", 0.32, """
            No, it is from last year.
            No driver in the list.
            Nothing new.""")),
    action("rollback", """
        Roll the wireless driver back to the earlier version and restart.
        In the device manager choose Roll back driver, then restart.
        Please go back to the previous Wi-Fi driver and reboot the {device}.
        Put the old driver back and start again.""",
        answer("Connected", "r_rollback", 0.95, """
            With the old driver it connects.
            Restarted, Wi-Fi is there.
            Yes, online."""),
        answer("Still refuses", "e_network", 0.05, """
            Still refused.
            No, the old one does not connect either.
            Roll back is greyed out.""")),
    action("certificate", """
        Sync the device in the company portal so that it gets its Wi-Fi certificate.
        Please press Sync in the company portal, then join the Wi-Fi.
        Open the portal app, start a sync and wait for the certificate.
        A sync in the portal brings the Wi-Fi certificate back, please start it.""",
        answer("Connected", "r_cert", 0.9, """
            After the sync it joined by itself.
            Connected.
            Yes, that was it."""),
        answer("Still refuses", "e_network", 0.1, """
            Sync is done, still refused.
            No.
            Same message as before.""")),
    question("switch", """
        Is flight mode on, or Wi-Fi switched off by the key?
        Please check flight mode: is it on?
        Look for the key with the antenna or aeroplane: has it been pressed?
        Is the Wi-Fi tile in the action centre grey?""",
        answer("It was off", "r_switch", 0.72, """
            Flight mode was on.
            I must have hit the key.
            The tile was grey, now it is blue and connects."""),
        answer("It is on", "adapter", 0.28, """
            It is on.
            No flight mode.
            The tile is blue, still no list.""")),
    question("band", """
        Is it an older device, or one with a new network card?
        How old is the {device}?
        Is this one of the old devices from before the refresh?
        Was the device among those not replaced in the last refresh?""",
        answer("Older device", "r_band", 0.7, """
            One of the old ones.
            It is five years old.
            Yes, it should have been replaced."""),
        answer("Newer device", "adapter", 0.3, """
            It is new, from this year.
            Quite new.
            From the last refresh.""")),
    script("access_point", """
        Run Restart-AccessPoint.ps1 for that part of the building.
        I am restarting the access point on the {floor} with Restart-AccessPoint.ps1.
        Restart-AccessPoint.ps1 takes two minutes, please stay on the line.
        Restarting the wireless box above you by Restart-AccessPoint.ps1.""",
        answer("Worked", "r_ap", 0.85, """
            We are all back.
            Wi-Fi is there again.
            Yes, my colleagues are online too."""),
        answer("No change", "e_network", 0.08, """
            Nothing, still off.
            The box does not blink.
            No Wi-Fi yet.""")),
    resolution("r_profile", """
        The saved network was out of date; joined again, it holds.
        With the fresh connection the Wi-Fi is stable.
        Forgetting and joining again was enough.""", """
        Wi-Fi profile removed and joined again.
        Stale wireless profile, rebuilt."""),
    resolution("r_power", """
        Power saving switched the adapter off; that is turned off now.
        The adapter no longer goes to sleep, so it stays connected.""", """
        Power saving of wireless adapter disabled.
        Drops caused by adapter sleep, setting changed."""),
    resolution("r_adapter", """
        The wireless adapter was stuck; after the reset it connects.
        The reset brought the adapter back.
        Wi-Fi is up again after the adapter reset.""", """
        Wireless adapter reset by script.
        Adapter hung, reset, connects."""),
    resolution("r_rollback", """
        The new driver was faulty; keep the earlier one, I block the update.
        With the old driver it works, the new one is held back for now.
        The driver from the update is the culprit, it is rolled back.""", """
        Wi-Fi driver rolled back, update blocked for the model.
        Faulty driver from update, earlier version restored."""),
    resolution("r_cert", """
        The Wi-Fi certificate had expired and has been renewed.
        With the new certificate the device joins by itself.""", """
        Device certificate for Wi-Fi renewed by sync.
        Certificate expired, sync in portal fixed it."""),
    resolution("r_switch", """
        Wi-Fi was just switched off; it is on and connected.
        Flight mode is off and you are online.
        The wireless switch is on again.""", """
        Flight mode was on.
        Wi-Fi had been switched off by key."""),
    resolution("r_band", """
        Use the network that ends in 24; older devices cannot see the new one.
        Older cards need the other network name, I added it for you.""", """
        Old card without 5 GHz, connected to the 2.4 GHz network.
        Moved to the network for older devices, replacement planned."""),
    resolution("r_ap", """
        The access point above you had hung, it is back for everyone.
        After its restart the access point serves the floor again.""", """
        Access point restarted, area online.
        Access point hung, restarted by script."""),
    escalation("e_network", """
        Escalate to the network team with the adapter's report.
        The network team looks into it, I attached the wireless report.
        I hand this to the network team."""),
    escalation("e_survey", """
        Escalate to the field team: measure the signal on site.
        The field team comes to measure the signal at your place."""),
)
# fmt: on

TOPIC = Topic(
    key="wifi",
    title="Wi-Fi does not connect",
    domain="Networking",
    team=FIELD,
    per_2000=125,
    root="listed",
    nodes=NODES,
    titles=(
        "No Wi-Fi on {device}",
        "Wi-Fi not connecting, {floor}",
        "Wireless problem {when}",
        "Laptop does not join the office Wi-Fi",
        "Wi-Fi keeps failing",
    ),
    summaries=(
        "No Wi-Fi on my {device} on the {floor} {when}. {urgency}",
        "My {device} does not join the office Wi-Fi {when}.",
        "The wireless does not work in {room}. {urgency}",
        "User in {dept} has no Wi-Fi in {room} {when}.",
        "Wi-Fi gone on the {device} {when}, I am sitting in {room}.",
        "I only get Wi-Fi trouble in {room}, the {device} will not go online. {urgency}",
    ),
    slots={
        "device": PORTABLE,
        "room": ("the big meeting room", "the canteen", "the lab", "the open office", "room 214"),
    },
)
