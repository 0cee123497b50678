"""The topics of the sample account, one module each."""

from flowpilot.sample.model import Topic
from flowpilot.sample.topics import (
    bitlocker,
    drives,
    mfa,
    outlook,
    password,
    phishing,
    printers,
    rdp,
    slow_pc,
    teams_audio,
    vpn,
    wifi,
)

TOPICS: tuple[Topic, ...] = (
    vpn.TOPIC,
    outlook.TOPIC,
    mfa.TOPIC,
    printers.TOPIC,
    password.TOPIC,
    wifi.TOPIC,
    drives.TOPIC,
    slow_pc.TOPIC,
    teams_audio.TOPIC,
    bitlocker.TOPIC,
    rdp.TOPIC,
    phishing.TOPIC,
)
