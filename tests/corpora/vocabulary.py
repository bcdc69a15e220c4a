"""The words that generated documents are made of, by the place that they take in a sentence.

None of them has an apostrophe or a hyphen, so that a word is a token to any tokenizer of words.
"""

from __future__ import annotations

from collections.abc import Mapping

PEOPLE = """
farmer teacher carpenter nurse baker sailor gardener engineer painter librarian plumber doctor clerk tailor
fisherman shepherd mechanic cook driver judge musician printer miller potter weaver singer student professor surgeon
pilot porter guard merchant banker lawyer builder mason roofer cobbler butcher waiter dancer actor poet novelist
editor reporter photographer chemist botanist geologist historian astronomer biologist physicist translator
interpreter secretary treasurer chairman mayor councillor inspector detective officer soldier captain admiral
lieutenant neighbour visitor traveller tenant landlord grandmother grandfather uncle aunt cousin nephew niece widow
orphan apprentice beginner expert volunteer collector inventor locksmith glazier blacksmith watchmaker saddler
brewer vintner beekeeper forester ranger archaeologist curator conductor violinist pianist drummer organist
choirmaster referee goalkeeper swimmer cyclist climber runner lecturer tutor pharmacist dentist midwife paramedic
firefighter postman courier signalman stationmaster ferryman diver surveyor architect draughtsman welder electrician
joiner upholsterer bookbinder typesetter engraver sculptor
"""

THINGS = """
letter ladder basket lantern kettle hammer bridge boat engine wagon violin piano clock mirror carpet curtain blanket
pillow candle bottle barrel bucket shovel spade rake plough harrow tractor bicycle motorcycle lorry carriage saddle
bridle rope chain anchor sail oar net hook needle thread button ribbon scarf jacket coat glove boot slipper umbrella
suitcase trunk wardrobe cupboard drawer shelf bench stool chair table desk lamp stove oven pan pot plate saucer
spoon fork knife jug teapot tray loaf cake biscuit cheese butter sausage ham apple pear plum cherry walnut onion
carrot cabbage turnip pumpkin bean lettuce radish mushroom barley wheat oat straw hedge fence gate wall roof chimney
gutter window door staircase cellar attic balcony pavement lamppost signpost statue fountain painting drawing
portrait sculpture photograph poster map atlas dictionary novel notebook newspaper magazine pamphlet ledger receipt
invoice contract certificate passport ticket stamp envelope parcel telescope microscope thermometer barometer
compass camera radio television telephone typewriter computer keyboard printer battery cable switch valve pump pipe
tank boiler furnace turbine generator transformer bulb fuse drill saw chisel plane file clamp vice screwdriver
spanner wrench nail screw bolt hinge lock key bell whistle trumpet flute drum guitar cello harp organ puppet doll
kite marble puzzle ball racket net bat trophy medal badge flag banner crate pallet sack jar lid cork tap hose bucket
sponge brush broom mop towel soap razor comb brooch necklace bracelet ring pearl emerald coin banknote purse wallet
safe strongbox manuscript parchment quill inkwell blotter pencil crayon easel canvas brushstroke mosaic tile brick
slate gravel plank beam rafter scaffold crane bulldozer tunnel viaduct aqueduct dam sluice reservoir lighthouse
windmill watermill greenhouse henhouse beehive kennel stable barn silo granary orchard vineyard meadow pasture moat
drawbridge turret weathervane sundial hourglass pendulum metronome gramophone jukebox
"""

PLACES = """
village harbour market station library museum theatre cathedral chapel monastery castle palace tower school college
university hospital bakery brewery factory workshop warehouse shipyard quarry mine forest valley mountain hillside
moor marsh island peninsula coast beach cliff bay estuary river canal lake pond waterfall spring desert prairie
jungle glacier city suburb square avenue alley crossroads roundabout motorway bridge tunnel airport depot garage
courtyard garden park cemetery playground stadium gymnasium restaurant tavern kitchen laundry pharmacy surgery
courthouse prison barracks fortress embassy parliament townhall exchange auction gallery archive observatory
laboratory greenhouse plantation ranch farmyard mill smithy tannery pottery foundry refinery sawmill ferry pier
jetty lagoon reef plateau ravine canyon foothills headland inlet delta floodplain heath woodland clearing glade
thicket orchard hamlet settlement outpost frontier province district parish county borough quarter terrace arcade
bazaar caravanserai oasis
"""

ADJECTIVES = """
old young quiet noisy narrow broad shallow deep heavy light dusty clean broken sturdy wooden iron golden silver
copper marble plain elegant modest generous stubborn patient careful careless curious clever honest famous forgotten
ancient modern recent early late distant nearby northern southern eastern western coastal rural urban local foreign
domestic annual weekly daily monthly hidden visible empty crowded busy idle lonely friendly hostile gentle fierce
bitter sweet sour salty fresh stale ripe green yellow purple crimson scarlet orange brown grey pale dark bright dim
dull shiny rough smooth sharp blunt soft hard warm cool cold frozen damp dry muddy sandy rocky grassy leafy bare
tall short long brief slow swift steady sudden gradual rare common ordinary curious strange familiar official
private public secret temporary permanent expensive cheap valuable worthless useful useless practical clumsy
graceful awkward reliable fragile solid hollow crooked straight round square oval slender stout tiny small large
enormous vast spare second third final original identical similar different separate complete partial rusty polished
painted faded striped spotted woollen silken leather velvet cotton linen ceramic porcelain earthen granite tidal
seasonal provincial municipal parochial regional imperial medieval victorian tropical alpine volcanic fertile barren
misty windy stormy sunny cloudy rainy snowy
"""

TRANSITIVE = """
carried repaired painted described discovered examined measured cleaned opened closed lifted lowered moved replaced
removed delivered collected borrowed returned bought sold traded offered accepted refused admired ignored noticed
photographed sketched copied printed published translated corrected wrote finished started abandoned rescued
protected guarded followed chased caught released fed watered planted harvested gathered sorted counted weighed
wrapped unwrapped packed unpacked loaded unloaded shipped received inspected tested adjusted tightened loosened
fastened sharpened polished varnished sanded carved sewed mended knitted washed dried folded ironed cooked baked
roasted boiled tasted served shared divided doubled saved spent lost found remembered forgot mentioned praised
criticised defended questioned answered explained demonstrated presented introduced invited welcomed visited toured
crossed climbed circled surrounded entered left reached passed avoided approached occupied rented owned inherited
donated restored rebuilt demolished designed invented improved simplified organised arranged planned scheduled
postponed cancelled announced recorded registered catalogued numbered labelled marked mapped surveyed dug buried
uncovered excavated preserved displayed exhibited hung
"""

INTRANSITIVE = """
waited listened laughed smiled wept slept dreamed travelled wandered walked marched hurried paused rested worked
studied practised rehearsed performed sang whistled whispered shouted argued agreed hesitated nodded bowed knelt
stood sat leaned trembled shivered coughed sneezed yawned stumbled slipped fell recovered improved prospered
struggled failed succeeded retired resigned returned departed arrived vanished appeared remained lingered stayed
settled emigrated volunteered complained protested apologised hoped worried wondered reflected daydreamed
"""

ADVERBS = """
quickly slowly quietly loudly carefully carelessly gently roughly patiently eagerly reluctantly cheerfully sadly
proudly humbly politely rudely bravely nervously calmly suddenly gradually finally eventually immediately briefly
constantly rarely often sometimes always usually frequently seldom secretly openly publicly privately officially
cleverly wisely foolishly honestly skilfully clumsily neatly thoroughly partly entirely nearly barely firmly loosely
tightly deeply warmly coldly generously thriftily silently steadily repeatedly occasionally unexpectedly
deliberately accidentally
"""

IDEAS = """
patience courage honesty weather harvest journey accident argument agreement mistake rumour secret promise proposal
invention discovery tradition custom festival ceremony election debate lecture lesson rehearsal concert exhibition
competition voyage expedition experiment theory method principle habit memory story legend recipe remedy illness
injury recovery friendship rivalry inheritance fortune poverty drought flood storm earthquake winter summer autumn
spring budget tax price wage rent loan debt profit bargain auction trade craft profession career education language
grammar spelling music poetry painting architecture geography history chemistry arithmetic geometry astronomy
medicine justice law order freedom silence noise rhythm melody harmony colour shape size distance speed weight
temperature pressure
"""

NAMES = """
Agnes Albert Alma Amir Anders Anita Arthur Aurora Basil Beatrice Bernard Bianca Boris Camille Cecil Clara Conrad
Cora Cyril Dahlia Daniel Daphne Desmond Dora Edgar Edith Edmund Elias Elsa Emil Esther Felix Fiona Flora Florian
Frances Fred Gemma George Gerda Gilbert Gloria Gordon Greta Hanna Harold Hassan Hazel Hector Helena Henrik Hilda
Hugo Ida Ingrid Irene Isaac Ivan Jasper Johanna Jonas Josef Judith Julian Karin Karl Klara Lars Laura Leonard
Leopold Lydia Mabel Magnus Marcus Marta Martin Matilda Maurice Miriam Monica Nadia Nathan Nora Norman Olga Oscar
Otto Pablo Paula Percy Petra Philip Priya Quentin Rachel Ralph Ramon Rebecca Rosa Rupert Ruth Salim Samuel Sara
Selma Simon Sofia Stella Sven Sylvia Thea Theodor Tobias Ursula Valerie Vera Victor Vincent Walter Wanda Wilma
Xavier Yasmin Yusuf Zelda
"""

TIMES = """
yesterday|last week|last month|last year|in the morning|in the afternoon|in the evening|at noon|at midnight
before dawn|after sunset|during the winter|during the summer|in early spring|in late autumn|on the first day
on the second day|on a rainy afternoon|on a clear evening|after the harvest|before the festival
during the long drought|in the middle of the night|a few days later|some weeks earlier|many years ago
not long ago|once a month|twice a year|every other Sunday|for three months|for nearly a decade|within an hour
by the end of the week|since the last election|until the following spring|shortly after lunch
just before closing time|at the start of the season|between two meetings|throughout the whole journey
"""


def listed(text: str, sign: str | None = None) -> tuple[str, ...]:
    """What a text lists, none twice: words, or what stands between lines and signs."""
    parts = text.split() if sign is None else text.replace("\n", sign).split(sign)
    return tuple(dict.fromkeys(part for part in parts if part))


WORDS: Mapping[str, tuple[str, ...]] = {
    "person": listed(PEOPLE),
    "thing": listed(THINGS),
    "place": listed(PLACES),
    "adjective": listed(ADJECTIVES),
    "transitive": listed(TRANSITIVE),
    "intransitive": listed(INTRANSITIVE),
    "adverb": listed(ADVERBS),
    "idea": listed(IDEAS),
    "name": listed(NAMES),
    "time": listed(TIMES, "|"),
}
"""Words by kind."""
