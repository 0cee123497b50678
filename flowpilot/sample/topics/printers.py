"""Printing does not work. Published flow, which does not know of jobs held for a badge (see `NEW_ANSWER`)."""

from flowpilot.sample.cast import FIELD
from flowpilot.sample.model import (
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

#: What technicians meet since the badge readers came, and no published option says.
NEW_ANSWER = "Job is held, the printer waits for a badge"

# fmt: off
NODES = tree(
    action("test", """
        Print a test page from the printer's settings.
        Please send a test page, not your document, and tell me what happens.
        Let us rule out the document: print a Windows test page.
        Try a test page first, from the printer properties.
        Send the test page to {printer}, please.""",
        answer("Test page fails too", "since", 0.93, """
            The test page does not come out right either.
            Same with the test page.
            No, the test page fails as well.
            Tried it, no."""),
        answer("Test page is fine", "r_document", 0.07, """
            The test page is perfect.
            Test page printed.
            That one comes out."""),
        helped="""
            Where is the test page? => Settings, Printers, the printer's name, then Print test page."""),
    question("since", """
        Has anything been changed at the printer or the desk lately?
        Was the printer moved, or anything replaced, in the last days?
        Did somebody move it or change something before this started?
        Any change just before, a move, new toner, a new computer?""",
        answer("Nothing changed", "which", 0.78, """
            Nothing that I know of.
            No, it is where it always was.
            No change.
            It worked yesterday and nobody touched it."""),
        answer("Moved or replaced", "which", 0.22, """
            The desks were moved last week.
            I have a new {device}.
            Somebody changed the toner.
            The cleaners moved it, I think.""")),
    question("which", """
        Does this happen on one printer or on every printer?
        Is it only this printer, or do other printers fail too?
        Have you tried a different printer? Same result?
        One printer or all of them?
        If you print to another device on the floor, does that work?""",
        answer("Only this printer", "panel", 0.84, """
            Only this one, the other one prints.
            Just {printer}.
            The one next door is fine.
            Only on {printer}, I tried another."""),
        answer("Every printer", "spooler", 0.16, """
            All of them.
            No printer works from my {device}.
            I tried two, neither prints.
            None of them print."""),
        helped="""
            How do I choose another printer? => In the print window, open the list on top and pick one.
            Where do I see its name? => There is a label with a number on the front of the printer."""),
    question("panel", """
        What happens at the printer when you send a job?
        When you press Print, what do you see on the printer?
        What does the printer do once the job is sent?
        Look at the printer's display after sending: what does it show?
        You send a page, and then what happens at the device?""",
        answer("Nothing at all", "power", 0.4, """
            Nothing happens, display looks normal.
            It just sits there.
            Nothing at all comes out.
            No reaction, no sound."""),
        answer("An error on the display", "error", 0.27, """
            There is an orange light and a message.
            An error is on the screen.
            It shows a fault and beeps.
            The display says it needs attention."""),
        answer("Pages come out wrong", "quality", 0.2, """
            It prints, but with stripes.
            The pages are full of strange characters.
            The print is faint on one side.
            It comes out, but looks terrible."""),
        answer(NEW_ANSWER, "badge", 0.64, """
            It says the job is held, please present badge.
            The display wants me to hold my card against it.
            My job is in a list there, and it asks for a badge.
            Since the card readers came it says Held.
            It waits for a badge, my job shows as held.""", published=False),
        helped="""
            Where is the display? => On the right above the paper tray; press any key to wake it.
            What counts as an error? => Any red or orange light, or a message in the first line."""),
    question("power", """
        Does the printer answer when you open its page in the browser?
        Is the printer reachable on the network?
        Can we open the web page of the printer?
        Does the printer show as online in the print management?
        Let me check: does {printer} answer on the network?""",
        answer("It answers", "queue", 0.62, """
            Yes, its page opens.
            It is online.
            It answers straight away.
            The status page comes up."""),
        answer("No answer", "cable", 0.38, """
            No, it is offline.
            The page does not load.
            It does not answer.
            Shown as offline here.""")),
    action("cable", """
        Switch the printer off, check the network cable, switch it on again.
        Please turn it off, push the network plug in firmly and turn it on.
        Power the printer down, reseat the blue cable and start it up.
        Off, cable in properly, on again, please, and wait two minutes.""",
        answer("Back online", "r_cable", 0.84, """
            The cable was loose, it is printing now.
            It is back and prints everything at once.
            After the restart it is online."""),
        answer("Still offline", "e_hardware", 0.16, """
            Still offline.
            No light at the network socket.
            No change, the display says no network."""),
        helped="""
            Which cable is it? => The one that looks like a wide phone plug, on the back to the left."""),
    script("queue", """
        Run Clear-PrintQueue.ps1 for this printer.
        I am clearing the queue of {printer} with Clear-PrintQueue.ps1.
        Running Clear-PrintQueue.ps1 on the print server now.
        Let me empty the stuck queue by Clear-PrintQueue.ps1, then print one page.""",
        answer("Worked", "r_queue", 0.88, """
            A page came out just now.
            It prints again.
            Queue is empty, test page is there."""),
        answer("No change", "driver", 0.12, """
            Still nothing.
            The job sits in the queue again.
            No page yet.""")),
    question("error", """
        What does the message on the display say?
        Can you read the printer's message to me?
        Which error is on the display?
        What is written beside the orange light?""",
        answer("Paper jam", "r_jam", 0.45, """
            Paper jam in area B.
            It says jam, but I see no paper.
            Paper jam."""),
        answer("Toner or drum", "toner", 0.35, """
            Replace toner.
            It says drum end of life.
            Toner is empty, it says."""),
        answer("A service code", "e_hardware", 0.1, """
            SC 542 or so.
            A code, and call service.
            It says call service, with a number.""")),
    action("toner", """
        Put in the new cartridge from the cabinet and close the front.
        Please swap the cartridge; spare ones are in the cabinet beside the printer.
        Take the spare cartridge from the cabinet and change it.
        Replace the cartridge with the one from the stock.""",
        answer("Message is gone", "r_toner", 0.94, """
            Done, the message is gone.
            Changed it, it prints.
            Yes, it is ready again."""),
        answer("No spare left", "e_order", 0.06, """
            There is none in the cabinet.
            The cabinet is empty.
            No cartridge here.""")),
    question("quality", """
        Does a copy made at the printer itself look wrong as well?
        If you make a copy on the device, is it also bad?
        Please copy any page on the glass: same fault?
        Is a plain copy clean, or has it the same marks?""",
        answer("Copy is wrong too", "r_clean", 0.55, """
            The copy has the stripes too.
            Same on the copy.
            Yes, the copy looks bad as well."""),
        answer("Copy is fine", "driver", 0.45, """
            The copy is clean.
            Copies look perfect.
            No, copying is fine.""")),
    script("spooler", """
        Run Restart-Spooler.ps1 on the user's device.
        I am restarting the print spooler on {host} with Restart-Spooler.ps1.
        Starting Restart-Spooler.ps1, please try to print in a moment.
        Restart-Spooler.ps1 runs now on your {device}.""",
        answer("Worked", "r_spooler", 0.85, """
            They all print again.
            Yes, the page is out.
            Works now on both printers."""),
        answer("No change", "driver", 0.15, """
            No, same thing.
            Still no printing.
            Nothing yet.""")),
    action("driver", """
        Remove the printer and add it again from the print portal.
        Please delete the printer and install it anew from the portal.
        Take the printer out of the list and add it back through the print portal.
        Let us reinstall it: remove it, then choose it in the portal.""",
        answer("Prints now", "r_driver", 0.88, """
            Added it again and it prints.
            Now it is fine.
            Yes, clean print."""),
        answer("Same fault", "e_server", 0.12, """
            Same as before.
            The portal gives an error.
            No, still wrong."""),
        helped="""
            Where is the print portal? => It is pinned on the intranet's start page, under Tools."""),
    action("badge", """
        Register the badge at the reader: hold it there and sign in once.
        Hold your badge to the reader and sign in with your account to link it.
        Please link your badge: card on the reader, then user name and password on the display.
        Present the card to the reader, choose Register and sign in once.
        Pair the badge at the printer, it asks for your account the first time.""",
        answer("Badge accepted, job prints", "r_badge", 0.93, """
            It took the badge and printed all my jobs.
            Registered, the pages are coming.
            Yes, it released the job.
            The list came up and it printed."""),
        answer("Badge not recognised", "e_badge", 0.07, """
            It says unknown card.
            The reader stays red.
            It does not know my badge."""),
        helped="""
            Is that the card for the door? => Yes, the same card opens the door and releases your prints.
            Where is the reader? => It is the small grey box with the card symbol, on the right side."""),
    resolution("r_document", """
        The printer is fine; save the document as PDF and print that.
        It is only this document, printed as PDF it comes out.""", """
        Fault in the document, printed as PDF.
        Test page fine, document exported to PDF and printed."""),
    resolution("r_cable", """
        The network plug had come loose; the printer is online.
        The printer had lost its network, it prints again.
        Loose cable, fixed, and the waiting jobs are out.""", """
        Network cable of {printer} reseated, online.
        Printer was offline, power-cycled and cable checked."""),
    resolution("r_queue", """
        A stuck job blocked the queue; it is cleared and printing.
        One broken job was in the way, the queue runs again.
        The queue is clean and new jobs go through.""", """
        Queue of {printer} cleared on the print server.
        Stuck job removed, queue prints."""),
    resolution("r_jam", """
        Open the rear cover, take the torn piece out and close it: the jam is gone.
        There is usually a scrap behind the rear cover; with it out the printer runs.
        Pull the strip of paper out at the back, then it goes on by itself.""", """
        Paper scrap behind the rear cover removed.
        User cleared jam with guidance on the phone."""),
    resolution("r_toner", """
        With the new cartridge the printer is ready.
        Cartridge changed, all good. I order a new spare.
        The cartridge was empty, it prints again.""", """
        Cartridge replaced from stock, spare ordered.
        Toner changed by user, spare on order."""),
    resolution("r_clean", """
        Start the cleaning from the printer's menu twice; the stripes disappear.
        The cleaning run from the menu fixes these marks.
        Run Maintenance, Clean in its menu, and the print is clear.""", """
        Cleaning cycle run, print is clean.
        Stripes gone after two cleaning runs."""),
    resolution("r_spooler", """
        The print service on your device had stopped; it runs again.
        Your {device} prints again, its spooler had crashed.
        The print service is restarted, all printers work.""", """
        Spooler restarted on {host}.
        Print spooler crashed, restarted by script."""),
    resolution("r_driver", """
        The printer's driver was damaged; with the new one it prints well.
        Fresh driver from the portal, prints as it should.
        After adding it again the printer works.""", """
        Printer re-added from portal, driver current.
        Old driver replaced, prints clean."""),
    resolution("r_badge", """
        The badge is linked to your account; hold it there to release your jobs.
        From now on your jobs come out when you present the badge.
        Your card is registered, held jobs print as soon as you show it.""", """
        Badge registered at {printer}, held jobs released.
        Secure print: user's badge linked, prints."""),
    escalation("e_hardware", """
        Escalate to the field team: the printer needs a technician on site.
        A field colleague will come and look at the printer.
        I am sending this to the field team, it is a hardware fault."""),
    escalation("e_order", """
        Escalate to the field team: bring a cartridge.
        I ask the field team to bring a cartridge today."""),
    escalation("e_server", """
        Escalate to second level: the print server needs a look.
        Second level checks the print server, I pass it on."""),
    escalation("e_badge", """
        Escalate to second level: the card is missing in the badge system.
        The card is not in the badge system, second level adds it."""),
)
# fmt: on

TOPIC = Topic(
    key="printers",
    title="Printing does not work",
    domain="Printing",
    team=FIELD,
    per_2000=220,
    root="test",
    nodes=NODES,
    titles=(
        "Cannot print on {printer}",
        "Printer problem, {floor}",
        "{printer} not printing",
        "Print jobs do not come out",
        "Printing fails {when}",
    ),
    summaries=(
        "{printer} on the {floor} does not print {when}. {urgency}",
        "Nobody in {dept} gets anything out of {printer} {when}.",
        "I cannot print my {paper} on {printer}. {urgency}",
        "Print jobs from my {device} do not come out {when}.",
        "Need to print {paper} for {dept}, the printer on the {floor} refuses.",
        "The printer by {dept} is not doing what it should {when}. {urgency}",
    ),
    slots={
        "printer": ("PRN-1-02", "PRN-2-07", "PRN-3-01", "PRN-0-04", "PRN-2-11", "PRN-W-03"),
        "paper": ("delivery notes", "contracts", "invoices", "labels", "a report", "the payslips"),
    },
    flow=Published(
        "printer-trouble",
        "Printing does not work",
        "From what the printer shows to a printed page, or to a visit on site.",
        use=0.88,
    ),
)
