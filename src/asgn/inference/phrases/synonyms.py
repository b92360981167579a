"""Everyday English beside the names of things: which word stands for which, and which is no slip of another."""

from collections.abc import Collection, Iterator

from asgn.data.expressions.nouns import plural

_PERSON = {
    "child": "kid", "boy": "kid man", "girl": "kid woman", "kid": "child", "toddler": "kid child baby",
    "baby": "kid child", "infant": "baby kid child", "teenager": "kid", "man": "guy", "guy": "man", "woman": "lady",
    "lady": "woman", "gentleman": "man guy", "dude": "man guy", "male": "man guy", "female": "woman lady",
    "mom": "woman lady", "mother": "woman lady", "dad": "man guy", "father": "man guy", "grandma": "woman lady",
    "grandpa": "man guy", "bride": "woman lady", "groom": "man guy", "cowboy": "man guy",
    **dict.fromkeys(
        ("adult", "human", "somebody", "someone", "player", "skater", "skateboarder", "surfer", "rider", "skier",
         "snowboarder", "cyclist", "biker", "motorcyclist", "batter", "catcher", "pitcher", "umpire", "pedestrian",
         "worker", "soldier", "chef", "cook", "waiter", "dancer", "runner", "swimmer", "driver", "farmer", "officer",
         "policeman", "astronaut", "figure", "passenger"),
        "",
    ),
}  # fmt: skip
"""Words for somebody, each of which "person" fits too."""

_STANDS_FOR = {
    **{word: f"{others} person" for word, others in _PERSON.items()},
    "men": "guys people", "women": "ladies people", "folks": "people", "crowd": "people", "persons": "people",
    "kitten": "cat", "kitty": "cat", "tabby": "cat", "puppy": "dog", "pup": "dog", "doggy": "dog", "hound": "dog",
    "pony": "horse", "stallion": "horse", "mare": "horse", "foal": "horse", "calf": "cow", "bull": "cow", "ox": "cow",
    "cattle": "cows", "lamb": "sheep", "ewe": "sheep",
    **dict.fromkeys(
        ("duck", "goose", "swan", "pigeon", "seagull", "gull", "parrot", "hen", "chicken", "rooster", "crow", "eagle",
         "owl", "sparrow", "flamingo", "peacock"),
        "bird",
    ),
    "auto": "car", "automobile": "car", "sedan": "car", "suv": "car", "taxi": "car", "cab": "car", "jeep": "car",
    "lorry": "truck", "pickup": "truck", "van": "car", "minibus": "bus", "motorbike": "motorcycle",
    "motorcycle": "motorbike", "moped": "motorcycle motorbike", "bike": "bicycle", "bicycle": "bike",
    "plane": "airplane", "airplane": "plane aeroplane", "aeroplane": "airplane plane", "jet": "airplane plane",
    "airliner": "airplane plane", "aircraft": "airplane plane", "canoe": "boat", "kayak": "boat", "sailboat": "boat",
    "yacht": "boat", "ferry": "boat", "ship": "boat", "locomotive": "train",
    "sofa": "couch", "couch": "sofa", "armchair": "chair", "stool": "chair", "seat": "chair", "desk": "table",
    "television": "tv", "telly": "tv", "tv": "television", "notebook": "laptop", "smartphone": "phone",
    "cellphone": "phone", "mobile": "phone", "phone": "cellphone", "mug": "cup", "teacup": "cup",
    "fridge": "refrigerator", "refrigerator": "fridge", "stove": "oven", "purse": "handbag bag",
    "handbag": "purse bag", "rucksack": "backpack", "luggage": "suitcase",
    "doughnut": "donut", "donut": "doughnut", "lawn": "grass", "ocean": "sea water",
    "highway": "road", "sidewalk": "pavement", "hill": "mountain", "photograph": "photo picture image",
    "photo": "picture image", "picture": "photo image", "image": "picture photo", "pic": "picture photo image",
    "big": "large", "large": "big", "huge": "big large", "giant": "big large", "enormous": "big large",
    "small": "little tiny", "little": "small", "tiny": "small little", "bigger": "larger", "larger": "bigger",
    "biggest": "largest", "largest": "biggest", "tallest": "biggest largest", "shortest": "smallest",
    "crimson": "red", "scarlet": "red", "maroon": "red", "navy": "blue", "azure": "blue", "turquoise": "blue",
    "grey": "gray", "gray": "grey", "violet": "purple", "purple": "violet", "tan": "brown", "beige": "brown",
    "golden": "yellow", "gold": "yellow", "middle": "center centre", "center": "middle centre",
    "centre": "middle center", "upper": "top", "lower": "bottom", "uppermost": "top", "lowest": "bottom",
    "leftmost": "left", "rightmost": "right", "lefthand": "left", "righthand": "right", "beneath": "below under",
    "underneath": "below under", "below": "under", "under": "below",
    "above": "over", "beside": "next", "nearby": "near",
}  # fmt: skip
"""Words that can be read for a word, the nearest in meaning first."""

_SINGULAR = {plural(word): word for word in _STANDS_FOR}

_COMMON = """
    able acne acre aged alley alone along also amber angle animal ankle apart apron arch area arms arrow away awning
    axle back backs badge bake bald bale bales balk ball balls band bands bang bangs bank barb bare barge bark barn
    barns barrel base bases basil basin basket bass bath bathe batter bays beach bead beads beak beam beams bean
    beans beard beast beat beef beer beers bees beet beets bell bells belly belt belts bend bends bent berry best
    bill bills bite bites blade blank blanks blazer bleed blend blind block blocks blond blonde bloom blouse blown
    blur blurb board boards body bold bolt bolts bone bones boom boot booth boots border bored both bottom bound
    bout bowel bowels bowling boxer boxes boys brace braid brake brakes branch brand brass bread break breast breed
    brick bricks bride brides bridle bright bring broom broth brow brows brush buck bucket buckle buggy build bulb
    bulbs bulk bull bulls bump bumper bunch bunches bunk bunny buns burger bush bushes busy butt butter button cabin
    cable cafe cage cages call calm came camel camera camp cane canes canned canoe cans cant canvas cape caps card
    cards care cargo carp carpet carry cart carts carve case cases cash cast castle catch cave cereal chain chains
    chalk chart chase check cheek cheese chef cherry chest chew chick chief chin chip chips chow church cigar circle
    clap class claw claws clay clean clear clerk cliff climb clip cloak close closes closet closets cloth cloud
    clove clover club clubs coach coal coast coat coats cobs coin coke cold collar comb comet cone cones cook cooker
    cooking cool cooler cope copper cord cork corn corner cost cotton cough could count couple court cover cowboy
    crab crack cradle crane crate crates crawl cream creek crepe crew crib cribs crisp crock crop cross crow crowd
    crowded crown crows crumb crush crust crutch cube cubes cubs curb curl curls curly curve daddy dairy daisy dance
    dancer danger dare dark darts dash dates deal deck decks deep deer denim dent desk dial dials dice diet digs
    dine dinner dirty dish dishes dive diver diving dock docks docs does doing doll dolls dome done donkey dots
    double dough dove doves down drag drain drape draw drawer dream dress dressed dried drill drink drip drive
    driver drivers drop drum drums duck ducks dull dump dusk dust dusty each eager eagle early ears easel east easy
    eating edge eggs eight elbow else empty ends even ever every eyes face faces fair fake fall falls fans farm
    farms fast feed feeds feet fell felt fence fern ferns fibre field fields file files fill film fine finger fire
    firm first fist fists five flag flags flame flap flat flats flesh flies flip float flock floor flour flow flute
    foal foam foil fold folder folds folk folks font foot forest form forms fort foul four frame frames free fresh
    fries frog front frost frosty frown fruit full fuzzy gable game games garden gate gates gear gift gifts give
    glad glare glass glaze gloss glove glow glue goal goals goat goats gold golf gone good goose gown grab grand
    grape grapes graph grass gravel gravy grease great greek greet greets grid grill grills grip grips groom gross
    group groups grown guard guest guitar guys hair half hall halls halo hand handle hands hang hard hare harp hats
    have hawk head heads heap hear heart heat heel heels held helmet help hence herd here hers hide high hill hills
    hips hoist hold hole holes home hood hook hooks hoop hope horn horns hose host hotel hour house hugs hull human
    hump hung hunt hurt icing inch inner iris iron item jacket jacks jail jars jeans jeep jelly jersey joint joke
    juice jump jumper just kale keep kept kettle keys kick kids kind king kiss kite knee kneel knees knew knob knobs
    knot know lace laces lady lake lamb lambs lamp lamps land lane lanes large last latch late laugh lawn layer lead
    leaf lean leap leash least leather leave ledge legs lemon lemons lens lets lettuce level lever lids lies life
    lift like lily limb limbs lime limes line lined linen linens liner lines link links lion lions lips list live
    liver load loaf loan lobe lock locks loft logo logs lone lonely long look loop loose lord lose loss lost love
    lover lovers luggage lump lunch maid mail main make male mall mane many maps march mare mark marks mask mass
    mast match mats matte maze meal meals mean meat medal meet melon melt menu mesh mess metal mike mild mile milk
    mill mime mind mint mints mist mitten mixed model moist monk mood moon moose moss most mostly moth motor mount
    mouse mousse mouth move much muffin mugs mule must myth nail nails name near neat neck need nest next nice night
    nine none noon north nose note notes number nuts oars ocean olive onion onions only opal open opened order other
    outer outfit oval oven over overs owls oxen pack packing pads page pages pail paint paints pair pairs pale palm
    palms panda pane panel panels pans pants parade park parked parking part parting parts party pass past pasta
    paste pastry patch path patio pave paying peach peak pear pearl pears peas peel pencil pens peony pepper perch
    petal petals pets phase photo piano pick pickle picks pier pies pigs pike pile piles pill pills pilot pine pines
    pins pint pipe pipes place placed places plaid plain plan plane plank planks plant plate plates play player
    playing plaza plow plug plum plums plus pole poles polo pond pony pool poor poppy porch pork port pose posing
    post poster posts potato pots potter pouch pour press pretty price print pull pulls pump pumps punch puppy pure
    push race racer races rack racks raft rail rails rain raised rake ramp ranch range rare rate rates razor reach
    read ready real rear recliner reed reef reel rein reins rest rests ribs rice rich ride rider riders rides ridge
    rifle ring rings ripe rise risers rising roast robe robes rocket rocky rode rods roll roller rolls roman room
    rooms root roots rope ropes rose roses rough round rover rows rubs rugby ruin rule ruler rung runs runway rust
    rusty saddle sail sails salad sale salon salt same satin sauce save scale scar scarf scene scone score scout
    screw seal seals seat seats second seed seeds seem seen sees self sell send serve sets seven shade shades shadow
    shady shaft shake shape shapes share shark sharp shave shawl shed sheds sheer sheet sheets shell shells shift
    shine shiny ship ships shirt shock shoe shoes shone shoot shop shops shore short shorts shot should shovel show
    shower shows shred shrub shrug shut sick side sides sign signs silk silks silo silver sing singer site size
    skate skater skates skill skim skin skip skirt skirts skull slab sleep sleeve slice slices slid slide slim slip
    slope slopes slow slows small smart smell smile smoke smooth snack snail snake snakes snap snarl sneak snout
    soap sock socks soda soft soil sold sole some song soon sort sorts soup sour space spade spare speak spear spice
    spices spike spill spin spine spire splash split spoke spool spools sport spot spots spout spray spread spring
    squad square squash stack stacks staff stage stain stains stair stake stale stalk stall stalls stamp stand
    stands stare staring stars start state statue stay steak steal steam steel steep steer stem stems step steps
    stew stick sticks stir stitch stone stones stood stool stools stoop store stork storm story stove strap straps
    straw stray stream street string strip stripe strips stuck stump style such suit suits summer sunny super surf
    surface swamp swan swans swat sweat sweater sweep sweet swim swing swings switch sword table tablet tablets tail
    tailed tails take taking talk talking tall tame tank tanks tape taps target tart task taste tattoo taxi team
    teams tear teat teen teeth tell tenet tent tents term test text than that thatch them then there thermos these
    they thick thin thing things this thorn those thread three throw throws thumb tide tied tier tiers ties tiger
    tight tights tile tiles till tilt tilted tilts time tint tints tire tired tires title titles toad toast toasted
    toes tomato tone tongue took tool tools tooth torch torn torso toss total touch tough tour tower towers town
    towns toys trace track tractor trade trail trails tram trap trash tray trays treat trek trench trim trip troll
    troop trot truce trunk trunks trust truth tube tubes tuck tucks tuft tulip tulips tummy tuna turf turn tusk
    tusks tuxedo twig twigs twin twins type ugly uncle under unit unripe upon used vane vase vast veil vein vent
    vest vests view vine vines visor vote wade wage wagon waist wait waiter walk walker walks wall wallet want warm
    warn wash watch water wave waves wavy ways weak wear weave weed weeds week weight well went were west whale
    wheat wheel wheels when where which while whip whisk whit whole wide widow wife wild will wind window windy wine
    wing wings wink winter wipe wire wired wires wise wish witch with within woke wolf woman women wonder wooded
    wool woolen word words wore work works world worm worn would wound wrap wraps wrist write yard yarn year yoga
    yogurt young your zone
"""


_COMMON_WORDS = frozenset(_COMMON.split())
"""Words that are one letter from the name of a thing, or might be: they are meant as they stand."""


def stand_ins(word: str, known: Collection[str]) -> Iterator[str]:
    """The `known` words that a person might have used for an everyday one, the nearest in meaning first.

    "kid" may be read as child or person; a plural gives plurals first, and a singular where the plural is not known.
    """
    yield from dict.fromkeys(candidate for candidate in _candidates(word) if candidate in known)


def is_common_word(word: str) -> bool:
    """Whether a word is so common that it is not to be taken for a misspelling of another."""
    return word in _COMMON_WORDS or word in _STANDS_FOR or word in _SINGULAR


def _candidates(word: str) -> Iterator[str]:
    yield from _STANDS_FOR.get(word, "").split()
    singular = _SINGULAR.get(word)
    if singular is not None:
        in_place = _STANDS_FOR[singular].split()
        yield from (plural(item) for item in in_place)
        yield from (singular, *in_place)
