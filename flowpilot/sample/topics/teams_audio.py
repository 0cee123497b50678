"""No sound in Teams meetings. No flow yet; microphone and speaker branches mirror each other."""

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
    question("direction", """
        Can the others not hear you, or can you not hear them?
        Which way is the sound missing: from you or to you?
        Do they not hear you, or do you hear nothing?
        Is it the microphone or the speaker that fails?
        In the meeting, who cannot hear whom?""",
        answer("They do not hear me", "muted", 0.5, """
            They cannot hear me.
            I hear them, they do not hear me.
            My microphone is dead for the others.
            Nobody hears what I say."""),
        answer("I hear nothing", "volume", 0.36, """
            I hear nothing.
            I see them talk without sound.
            No sound on my side.
            I cannot hear anyone."""),
        answer("Echo or crackling", "room", 0.14, """
            There is an echo all the time.
            It crackles and cuts out.
            They say I sound like a robot."""),
        helped="""
            How can I tell? => Ask in the chat of the meeting whether they hear you."""),
    question("muted", """
        Is the microphone symbol in Teams crossed out, or the mute key on the headset lit?
        Please check both mutes: the symbol in the meeting and the key on the headset.
        Are you muted in the meeting or at the headset?
        Is there a line through the microphone, or a red light on the headset?""",
        answer("Muted", "r_muted", 0.2, """
            The headset was muted, how embarrassing.
            The red light was on.
            Muted at the cable, yes."""),
        answer("Not muted", "chosen_mic", 0.8, """
            No, not muted.
            Neither of them.
            The symbol is fine and no red light.
            I checked, it is open."""),
        helped="""
            Where is the mute key? => On the cable or on the left ear, usually with a small light."""),
    question("chosen_mic", """
        Which microphone is chosen in the Teams device settings?
        Look under Device settings in the meeting: which microphone is selected?
        In Teams, what is set as microphone?
        Is your {headset} chosen as microphone in Teams?
        Which device does Teams use as the microphone?""",
        answer("Another device", "switch_mic", 0.46, """
            It says the webcam.
            The built-in one, not my {headset}.
            Something called Line In.
            The monitor, strange."""),
        answer("The headset", "bar", 0.54, """
            My {headset}.
            The right one is chosen.
            The headset, correct.
            It is set to the {headset}."""),
        helped="""
            Where are the device settings? => Three dots in the meeting bar, Settings, Device settings."""),
    action("switch_mic", """
        Choose the headset as microphone and make a test call.
        Please select your {headset} and start a test call.
        Set the microphone to the headset, then use Make a test call.
        Change it to the headset and listen to your recording in the test call.""",
        answer("Test call is fine", "r_chosen", 0.93, """
            I heard myself.
            Test call works.
            Yes, they hear me."""),
        answer("Test call is silent", "bar", 0.07, """
            Silence.
            I hear nothing of me.
            No, empty recording.""")),
    question("bar", """
        Does the input level move when you speak, in the Windows sound settings?
        Speak and watch the input bar in the sound settings: does it move?
        In Windows under Sound, is there a reaction when you talk?
        Is the blue bar moving while you talk?""",
        answer("It moves", "permission", 0.58, """
            It moves.
            Yes, the bar goes up and down.
            Windows hears me.
            It reacts when I speak."""),
        answer("It stays flat", "plug", 0.42, """
            Flat.
            No movement.
            It does not react.
            Nothing, no blue.""")),
    question("permission", """
        Is Teams allowed to use the microphone in the privacy settings?
        Look at Privacy, Microphone: may desktop apps use it?
        Are apps allowed to use the microphone?
        Check the microphone permission for Teams, on or off?""",
        answer("It was off", "r_permission", 0.45, """
            It was off.
            Not allowed, I switched it on.
            Off since the update."""),
        answer("It is on", "cache", 0.55, """
            It is on.
            Allowed.
            Yes, Teams is in the list and on.""")),
    script("cache", """
        Run Clear-TeamsCache.ps1 and start Teams again.
        I am clearing the cache on {host} with Clear-TeamsCache.ps1, Teams will close.
        Clear-TeamsCache.ps1 empties the cache of Teams, please sign in afterwards.
        Resetting Teams by Clear-TeamsCache.ps1.""",
        answer("Worked", "r_cache", 0.86, """
            Sound is back.
            They hear me again.
            Works after the restart of Teams."""),
        answer("No change", "e_teams", 0.14, """
            No change.
            Still silent.
            Teams is fresh, same problem.""")),
    action("plug", """
        Plug the headset into another port, directly at the computer.
        Please use another USB port, not the one of the monitor.
        Unplug the {headset} and put it straight into the {device}.
        Try a different port, without the dock in between.""",
        answer("Recognised", "r_port", 0.7, """
            Windows made a sound and it works.
            In the other port it is fine.
            Recognised, they hear me."""),
        answer("Not recognised", "driver", 0.3, """
            Nothing.
            Not recognised there either.
            Dead in every port."""),
        helped="""
            Is the dock not good enough? => Usually it is, but this takes it out of the picture."""),
    question("driver", """
        Does the headset work at another computer?
        Can you try the {headset} at a colleague's computer?
        Is the headset silent on another device too?
        Put it into your neighbour's computer: does it work?""",
        answer("Works elsewhere", "audio", 0.55, """
            Works at my colleague's.
            Yes, there it works.
            On the other one it is fine."""),
        answer("Dead elsewhere", "r_replace", 0.45, """
            Dead there too.
            No, silent as well.
            Broken, then.""")),
    script("audio", """
        Run Repair-AudioDriver.ps1 on the device.
        I am running Repair-AudioDriver.ps1 on {host}.
        Repair-AudioDriver.ps1 installs the sound driver again.
        Putting the sound driver back with Repair-AudioDriver.ps1.""",
        answer("Worked", "r_driver", 0.84, """
            It is recognised now.
            Sound is back after the script.
            Yes, test call works."""),
        answer("No change", "e_hardware", 0.16, """
            No sound.
            No change.
            Still not recognised.""")),
    question("volume", """
        Which speaker is chosen in Teams, and is the volume up?
        Look at the speaker in the Teams settings: right device, volume up?
        In Teams, what is set as speaker?
        Does Teams play through the headset or through something else?""",
        answer("Another device", "r_speaker", 0.52, """
            The monitor, and that has no speakers.
            It plays through the dock.
            Some other device was chosen."""),
        answer("The headset", "other_sound", 0.48, """
            The headset, volume at 80.
            The right one and loud enough.
            My {headset}.""")),
    question("other_sound", """
        Do you hear a video in the browser?
        Does any other sound play on the {device}?
        Play a video on the web: is there sound?
        Is everything silent, or only Teams?""",
        answer("Yes, only Teams is silent", "cache", 0.56, """
            The video has sound.
            Only Teams is silent.
            Yes, music plays."""),
        answer("No sound at all", "plug", 0.44, """
            No sound at all.
            Everything is silent.
            The video is mute as well.""")),
    question("room", """
        Are several people in the same room in the meeting?
        Is a second device in the room in the same meeting?
        Do you sit together with somebody else in that call?
        Is there another laptop with sound on in your room?""",
        answer("Yes", "r_room", 0.55, """
            My colleague sits beside me in the same call.
            Yes, three of us in one room.
            The room system is on as well."""),
        answer("No", "line", 0.45, """
            I am alone.
            No, nobody else.
            Only me here.""")),
    action("line", """
        Turn off the video and background and use a cable instead of Wi-Fi.
        Please switch the camera off, and the blurred background, and use the cable.
        Use a network cable and turn incoming video off.
        No video, no background, cable in: is the sound clean?""",
        answer("Sound is clean", "r_line", 0.88, """
            Now it is clean.
            Much better, no crackling.
            They say I am clear."""),
        answer("Still crackles", "e_teams", 0.12, """
            It still crackles.
            No, still like a robot.
            Same.""")),
    resolution("r_muted", """
        The headset was muted; press its key and the light goes out.
        Unmuted, and everybody hears you.""", """
        Headset was muted.
        Mute key on the cable."""),
    resolution("r_chosen", """
        The wrong microphone was chosen; with the headset they hear you.
        Teams uses your headset now, all good.
        The microphone is set, the test call was fine.""", """
        Microphone in Teams set to headset.
        Wrong input device, changed, test call fine."""),
    resolution("r_permission", """
        Windows did not allow the microphone; it is allowed now.
        With the permission on, Teams hears you.""", """
        Microphone permission switched on.
        Privacy setting blocked microphone."""),
    resolution("r_cache", """
        The cache of Teams was damaged; cleared, the sound is back.
        A fresh Teams start did it.
        With the cache gone the devices work again.""", """
        Teams cache cleared by script.
        Teams reset, audio devices work."""),
    resolution("r_port", """
        The port did not deliver; in the other one the headset works.
        Leave the headset in that port, the dock is the weak part.""", """
        Headset moved to another port.
        Dock port faulty, headset plugged in directly."""),
    resolution("r_replace", """
        The headset is broken; a new one is on its way to you.
        You get a new headset, use the built-in microphone until then.""", """
        Headset defective, replacement ordered.
        Headset replaced."""),
    resolution("r_driver", """
        The sound driver was damaged; the new one works.
        With the driver repaired the headset is recognised.""", """
        Sound driver reinstalled by script.
        Audio driver repaired."""),
    resolution("r_speaker", """
        Teams played through another device; set to the headset you hear them.
        The speaker is set to your headset, the sound is there.
        It was sent to the monitor, now it comes to your headset.""", """
        Speaker in Teams set to headset.
        Wrong output device, changed."""),
    resolution("r_room", """
        Two open microphones in one room make the echo; keep one only.
        One device per room with sound, then the echo is gone.""", """
        Echo from second device in room, muted.
        Two clients in one room, advised to use one."""),
    resolution("r_line", """
        The line was too weak for sound and video; by cable it is clean.
        With less video the sound has room enough.""", """
        Weak Wi-Fi, moved to cable, sound clean.
        Video off and cable in, quality fine."""),
    escalation("e_teams", """
        Escalate to the Microsoft 365 team with the call's quality report.
        The Microsoft 365 team looks at the call report, I pass it on."""),
    escalation("e_hardware", """
        Escalate to the field team: check the sound hardware.
        The field team checks the hardware at your desk."""),
)
# fmt: on

TOPIC = Topic(
    key="teams_audio",
    title="No sound in Teams meetings",
    domain="Collaboration",
    team=MICROSOFT_365,
    per_2000=105,
    root="direction",
    nodes=NODES,
    titles=(
        "Teams audio problem",
        "No sound in Teams",
        "Microphone not working in Teams",
        "{headset} does not work in meetings",
        "Sound trouble in Teams {when}",
    ),
    summaries=(
        "Sound in Teams meetings does not work {when}. {urgency}",
        "My {headset} is no good in Teams {when}.",
        "Trouble with the audio in Teams on my {device}. {urgency}",
        "User in {dept}: no proper sound in Teams calls with the {headset}.",
        "In Teams the audio fails {when}, other programs I have not tried.",
        "Teams call with a customer and the sound is not right, {headset}. {urgency}",
    ),
    slots={"headset": ("headset", "USB headset", "wireless headset", "speakerphone", "earbuds")},
)
