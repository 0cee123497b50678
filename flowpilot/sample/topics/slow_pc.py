"""The computer is slow. No flow yet; the script most used for it seldom helps (see `gaps`)."""

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

#: The script that is run out of habit.
IDLE_SCRIPT = "Clear-TempFiles.ps1"

# fmt: off
NODES = tree(
    question("restarted", """
        When was the computer last restarted?
        How long has the {device} been running without a restart?
        Have you restarted it today, a real restart and not just closing the lid?
        Did you restart the {device} since it got slow?
        Last restart, when was that?""",
        answer("Today", "what", 0.6, """
            This morning.
            I restarted it twice already.
            Just now, no help.
            Today, yes."""),
        answer("Days ago", "restart", 0.35, """
            No idea, last week maybe.
            I only close the lid.
            It has been on for days.
            Never, I think."""),
        helped="""
            Is shutting down not the same? => No, only Restart really starts Windows afresh."""),
    action("restart", """
        Restart the computer and work with it for a minute.
        Please choose Restart in the start menu and tell me if it is quicker.
        Save your work and restart the {device} once.
        Let us restart it properly, then look again.""",
        answer("Quick again", "r_restart", 0.22, """
            Like new.
            Much better.
            Quick again, thanks."""),
        answer("Still slow", "what", 0.78, """
            Still slow.
            No difference.
            It took ages to start and is slow again.""")),
    question("what", """
        What is slow: everything, one program, or only the start?
        Is the whole computer slow or one program in particular?
        Is it slow in general, only in {app}, or just when starting?
        Which part is slow? All of it or something special?
        Tell me where you notice it most.""",
        answer("Everything", "manager", 0.88, """
            Everything, even the mouse.
            All of it, every click takes seconds.
            The whole computer.
            Everything crawls."""),
        answer("One program", "program", 0.1, """
            Only {app}.
            Just {app}, the rest is fine.
            Mostly in {app}."""),
        answer("The start", "startup", 0.08, """
            Only the start takes ten minutes.
            Booting takes ages, later it is fine.
            Just after log-in.""")),
    question("manager", """
        In the task manager, which column is near 100 percent?
        Open the task manager: is it processor, memory or disk that is full?
        Look at the top line of the task manager, which figure is red?
        Which value is highest in the task manager: CPU, memory, disk?
        What does the task manager say, who is the culprit?""",
        answer("Disk", "temp", 0.86, """
            Disk, 100 percent.
            The disk is red all the time.
            Disk at 99, the rest is low.
            The disk column."""),
        answer("Memory", "tabs", 0.17, """
            Memory, 94 percent.
            The memory is nearly full.
            Memory is red."""),
        answer("Processor", "scan", 0.14, """
            CPU, all the time.
            The processor is at 100.
            CPU is red and the fan is loud."""),
        helped="""
            How do I open the task manager? => Press Control, Shift and Escape together.
            I only see a small list. => Click on More details at the bottom left."""),
    script("temp", """
        Run Clear-TempFiles.ps1 on the device.
        I am running Clear-TempFiles.ps1 on {host} to free some space.
        Clear-TempFiles.ps1 removes old temporary files, it takes five minutes.
        Let us start with Clear-TempFiles.ps1.
        Cleaning up by Clear-TempFiles.ps1.""",
        answer("Worked", "r_temp", 0.14, """
            It freed a lot and feels better.
            Better now.
            Quicker, yes."""),
        answer("No change", "health", 0.86, """
            Freed 3 GB, just as slow.
            No change at all.
            Script is through, the disk is still at 100.
            Feels the same, sorry.""")),
    question("health", """
        What does the drive report about its health?
        I am reading the drive's own health report: is there a warning?
        Does the health check of the drive show errors?
        Drive health: good, or a warning?""",
        answer("Warning", "e_drive", 0.4, """
            It says caution.
            Warning, reallocated sectors.
            There is a yellow mark.
            Health 31 percent."""),
        answer("Good", "index", 0.55, """
            Good.
            No errors.
            Health 98 percent.
            All fine, it says.""")),
    action("index", """
        Pause the search index and the file sync for an hour.
        Please pause the synchronisation; I stop the indexing meanwhile.
        Switch the file sync to pause and let the search index rest.
        Pause sync and indexing and see if the disk calms down.""",
        answer("Quick again", "r_index", 0.9, """
            The disk went down to 5 percent.
            Much better now.
            Yes, quick again."""),
        answer("Still slow", "e_drive", 0.1, """
            Still at 100.
            No change.
            Slow as before.""")),
    question("tabs", """
        How many browser tabs and programs are open?
        Do you have a lot of tabs and programs open at once?
        How much is open right now, roughly?
        Count the browser tabs for me, please.""",
        answer("Very many", "r_tabs", 0.9, """
            About eighty tabs.
            A lot, I never close them.
            All of {app}, mail, and sixty tabs."""),
        answer("Just a few", "e_memory", 0.1, """
            Five tabs and mail.
            Not many.
            Only {app}.""")),
    question("scan", """
        Is a virus scan or an update running just now?
        Which program is on top of the list: the scanner or the updates?
        Does the security symbol show a scan in progress?
        Is Windows installing something at the moment?""",
        answer("Yes", "r_scan", 0.75, """
            A full scan, 60 percent done.
            It is installing updates.
            Yes, the scanner is on top."""),
        answer("No", "malware", 0.2, """
            No, something with a strange name.
            No scan.
            Nothing of the kind.""")),
    script("malware", """
        Run Start-OfflineScan.ps1 on the device.
        I start an offline scan with Start-OfflineScan.ps1, the {device} restarts for it.
        Start-OfflineScan.ps1 looks for unwanted programs.
        Scanning {host} with Start-OfflineScan.ps1.""",
        answer("Found and removed", "r_malware", 0.8, """
            It removed a toolbar and a miner.
            Two things found and removed.
            Found something, it is gone."""),
        answer("Nothing found", "e_memory", 0.2, """
            Nothing found, still at 100.
            Clean, it says.
            No result.""")),
    action("program", """
        Repair the program from the settings and clear its cache.
        Please choose Repair for {app} in the installed apps.
        Repair {app}, delete its cache, start it again.
        In the settings pick the program, Advanced, Repair.""",
        answer("Quick again", "r_program", 0.9, """
            {app} is quick again.
            After the repair it opens at once.
            Better, thanks."""),
        answer("Still slow", "e_vendor", 0.1, """
            Still slow.
            The repair did not help.
            Same.""")),
    action("startup", """
        Switch off what starts with Windows but is not needed.
        In the task manager under Startup apps, disable what you do not need.
        Please disable the start-up programs we go through together.
        Take the heavy programs out of the start-up list.""",
        answer("Starts quickly", "r_startup", 0.95, """
            Starts in a minute now.
            Much quicker.
            Yes, that helped a lot."""),
        answer("Still slow", "health", 0.05, """
            Still ten minutes.
            No.
            Not better."""),
        helped="""
            Which ones can go? => Everything but the sound, the scanner and the VPN client."""),
    resolution("r_restart", """
        A real restart was due; please restart once a week.
        It had been running for too long, now it is fresh.""", """
        Restart after long uptime.
        Uptime of weeks, restarted, quick."""),
    resolution("r_temp", """
        The drive was nearly full, with the space it is quick again.
        The temporary files are gone and it runs better.""", """
        Temporary files cleared, space freed.
        Drive was full, cleaned."""),
    resolution("r_index", """
        Indexing and sync kept the disk busy; they run at night from now on.
        I moved the indexing to the night, the disk is calm.
        The sync was working through thousands of files, it is limited now.""", """
        Sync and index limited to night hours.
        Disk load from file sync, throttled."""),
    resolution("r_tabs", """
        Too much was open at once; the browser now puts idle tabs to sleep.
        With sleeping tabs the memory is enough.""", """
        Sleeping tabs enabled, memory normal.
        Too many tabs, closed and policy set."""),
    resolution("r_scan", """
        A scan was running; it is over soon and set to lunch time.
        The scan runs at noon from now on, then it will not slow you down.
        It was the update, after it the computer is quick.""", """
        Full scan during work, rescheduled.
        Updates were installing, finished."""),
    resolution("r_malware", """
        Unwanted software used the processor; it is removed.
        The scan took the culprit out, it is quick again.""", """
        Unwanted program removed by offline scan.
        Browser add-on used the CPU, removed."""),
    resolution("r_program", """
        The program's cache was damaged; repaired, it is quick.
        After the repair the program runs as it should.""", """
        Program repaired, cache cleared.
        {app} repaired, opens quickly."""),
    resolution("r_startup", """
        Fewer programs start with Windows, so it is ready sooner.
        The start-up list is tidy, the start takes a minute.""", """
        Start-up programs disabled.
        Start-up list cleaned, boots in a minute."""),
    escalation("e_drive", """
        Escalate to the field team: the drive should be replaced.
        The field team swaps the drive, I pass it on.
        Your drive is wearing out, a colleague will bring a new one."""),
    escalation("e_memory", """
        Escalate to second level: no cause found on the first line.
        Second level takes a deeper look at the load."""),
    escalation("e_vendor", """
        Escalate to application support: the program itself is slow.
        Our application support takes it up with the maker."""),
)
# fmt: on

TOPIC = Topic(
    key="slow_pc",
    title="The computer is slow",
    domain="Endpoint",
    team=SERVICE_DESK,
    per_2000=200,
    root="restarted",
    nodes=NODES,
    titles=(
        "{device} very slow",
        "PC slow {when}",
        "Computer hangs and is slow",
        "Performance problem on {host}",
        "Everything takes ages",
    ),
    summaries=(
        "My {device} is terribly slow {when}. {urgency}",
        "Everything takes forever on the {device} {when}, {app} most of all.",
        "The computer in {dept} is slow {when}. {urgency}",
        "User in {dept} on the {floor} complains of a slow {device}.",
        "{host} is very slow {when}, I can make coffee while {app} opens.",
        "Slow {device} {when}, clicking takes seconds. {urgency}",
    ),
    slots={"app": ("the ERP", "the spreadsheet", "the browser", "the drawing program", "the CRM")},
)
