"""Plain English words that a wording may use though its evidence does not.

None of them names a product, a command, a place or a thing that is done to a machine for good: "delete", "install",
"format" and the like have to stand in the evidence, and so have words that are products, too ("teams", "edge",
"access", "word", "office", "windows"). Pure.
"""

from proposals.mining.text import STOP_WORDS, stem

_WORDS = """
able about above according across action actually add added additional affect affected after again against ago ahead
all allow allowed almost alone along already also although always among amount another answer answered any anybody
anyone anything anyway anywhere appear appeared appears appropriate area around ask asked asking asks aspect at
attempt attempted attempts aware away back bad based basic because become becomes been before begin beginning begins
behave behaves behaviour behavior behind being below beside besides best better between beyond big both bottom brief
briefly bring brings broken brought but by call called caller can cannot case cases cause caused causes certain
certainly chance change changed changes check checked checking checks choice choose chosen circumstances clear clearly
come comes coming common commonly compare complete completed completely completes concern concerned concerning
condition conditions confirm confirmed confirming confirms consider contact contacted contacting contacts contain
contains continue continued continues correct corrected correctly could current currently customer day days deal
decide decided describe described describes description detail detailed details determine did differ difference
different directly discuss do does doing done double down due during each earlier early easily easy either else end
ended ending ends enough ensure ensures entire entirely error errors especially establish even event ever every
everybody everyone everything everywhere exact exactly example except exist existing exists expect expected expects
experience experienced experiences experiencing explain explained explains extra fact fail failed failing fails
failure fairly far fast faulty feature few find finding finds finish finished finishes first fix fixed fixes follow
followed following follows for found free frequent frequently from full fully further gave general generally get gets
getting give given gives giving go goes going gone good got great group guide had hand handed handle handled hands
happen happened happening happens hard has have having head hear heard help helped helpful helping helps here high
higher hold holding holds hour hours how however idea identify if immediate immediately important in inside instead
interest into involve involved is issue issues it item items itself just keep keeping keeps kept kind kinds know
knowing known knows lack large last later latest lead leading leads least leave left less let level likely limit
limited line list listed little long longer look looked looking looks lot low lower made main mainly make makes making
manage many matter may maybe mean means meant meanwhile mention mentioned might minute minutes missing moment more
most mostly move moved much must name named near nearby nearly necessary need needed needs never new newly next nobody
none nor normal normally not note noted notes nothing notice noticed now nowhere number observe observed obtain
occasional occasionally occur occurred occurring occurs of off often old on once only onto opinion or order ordinary
original originally other others otherwise our out outcome outside over overall own part particular particularly parts
past path people perform performed performing performs perhaps period permanent permanently person persist persisted
persists piece place placed please point possible possibly present presents prevent prevented prevents previous
previously prior probable probably problem problems proceed process produce produces proper properly provide provided
provides purpose put question questions quick quickly quite rather reach reached ready real really reason reasons
receive received recent recently recommend regarding related relevant remain remained remaining remains remember
repeat repeated repeatedly report reported reporting reports request requested require required requires resolution
resolve resolved resolves resolving respond responds response result resulted results return returned returns right
said same saw say saying says second see seem seemed seems seen sense separate several shall she short should show
showed showing shown shows side similar simple simply since single situation slight slightly slow slower slowly small
so solution solve solved solves solving some somebody someone something sometimes somewhere soon sort specific
specifically speed stage stand state states status stay step steps still straight such sudden suddenly suggest
suggested suitable suppose sure symptom symptoms take taken takes taking tell telling tells term than that the their
them themselves then there therefore these they thing things think this those though through thus ticket tickets till
time times to today together told too took top toward towards tried tries trouble troubles troubleshoot
troubleshooting true try trying turn turned turns two type types typical typically unable uncertain unclear under
underlying understand unexpected unexpectedly unknown unless unlikely unsure until up upon us use used useful user
users uses using usual usually various verify verified verifies verifying very via view visible wait waiting want
wanted wants was way ways we week weeks well went were what whatever when whenever where whereas wherever whether
which while who whoever whole whom whose why will with within without won wonder work worked working works would wrong
yes yet you your yours yourself assist assistance colleague colleagues department escalate escalated escalates
escalating escalation hand-over owner responsible specialist staff supervisor support technician technicians team's
next-level helpdesk affects appearing attached available blank capable careful carefully completeness consistent
consistently correctness damaged dead effective entirety evidence familiar fault faults healthy intermittent
intermittently investigate investigated investigating investigation isolate isolated isolates isolating location
long-term loss lost noticeably partial partially person's physical physically poor poorly precise precisely proven
reliable reliably responding responsive root secure securely sign signs silent silently stable successful successfully
success succeed succeeded succeeds temporary temporarily thoroughly unavailable unstable unresponsive unsuccessful
usable valid
"""
# Numbers in words; "one" is an article as often.
NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40",
    "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000",
    "dozen": "12", "twice": "2", "thrice": "3",
}  # fmt: skip

PLAIN_WORDS = frozenset({*STOP_WORDS, *_WORDS.split()} - set(NUMBER_WORDS))
PLAIN_STEMS = frozenset(stem(word) for word in PLAIN_WORDS)


def is_plain(word: str) -> bool:
    """Whether a lower-case word, or its stem, is one of them."""
    return word in PLAIN_WORDS or stem(word) in PLAIN_STEMS
