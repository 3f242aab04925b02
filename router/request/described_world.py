"""Signs that a turn asks to predict, simulate or plan in a state that it describes: tracks, blocks, grids."""

from __future__ import annotations

import re

from router.request.described_yard import asks_about_a_yard
from router.request.wording import Phrases, Wording, any_of, words

__all__ = ["asks_about_a_world", "is_world_prompt"]

_PROMPT = re.compile(
    r"\btofy\b|\byou are (?:an? )?(?:[\w-]+ ){0,3}(?:world model|(?:world|environment|state|physics|grid) simulator)\b"
    r"|\bsimulate the (?:environment|world)\b|\bpredict the (?:next|resulting) (?:world )?state\b"
)

_LISTING = Phrases(
    "track tracks gleis voie vía tower peg pegs rod rods pole stack pile stapel room cell column shelf box bin bins "
    "tank jar jars jug jugs bucket slot tube bowl zone station platform lane dock siding cup cups basket container "
    "depot floor queue bank row rows square light valve door drawer varilla poste stab",
    r"\b"
    + any_of(
        r"tracks?|gleis|voie|vía|towers?|pegs?|rods?|poles?|stacks?|piles?|stapel|rooms?|cells?|columns?|shelf|box"
        r"|bins?",
        r"tanks?|jars?|jugs?|buckets?|slots?|tubes?|bowls?|zones?|stations?|platforms?|lanes?|docks?|sidings?|cups?",
        r"baskets?|containers?|depots?|floors?|queues?|banks?|rows?|squares?|lights?|valves?|doors?|drawers?",
        r"varilla|poste|stab",
    )
    + r"\s*(?:#?\d{1,3}|[a-z]|one|two|three|left|right|middle|north|south)\s*"
    + any_of(
        r"[:=]|\((?:empty|full)\)",
        r"\b(?:has|holds?|contains?|hält|contient|contiene|is (?:empty|full|open|closed|on|off|locked))\b",
        r"\b(?:ist leer|est vide|está vacía)\b",
    ),
)
_PLACE = Phrases(
    "track siding peg rod stack gleis voie vía tower room cell shelf cup box",
    r"\b(?:on|at|in|from|to|onto|auf|von|sur|en) (?:track|siding|peg|rod|stack|gleis|voie|vía|tower|room|cell|shelf"
    r"|cup|box) (?:\d{1,2}|[a-z])\b",
)
_SETTING = Phrases(
    "pegs rods tracks stacks towers jugs cups sidings tubes jars blocks disks discs wagons stapel gleise gleisen",
    r"\b(?:two|three|four|five|six|\d|zwei|drei|vier|deux|trois|dos|tres) (?:pegs|rods|tracks|stacks|towers|jugs|cups"
    r"|sidings|tubes|jars|blocks|disks|discs|wagons|stapel|gleisen?)\b",
)
_RELATION = re.compile(
    r"\b"
    + any_of(
        r"[A-Z]\d? (?:is |are |sits |stands |lies )?(?:on top of|on|under|beside|left of|right of|liegt auf|est sur"
        r"|está sobre) (?:block )?(?:[A-Z]\d?\b|(?:the |dem |la )?(?:table|[Tt]isch|mesa|floor))",
        r"(?:[Bb]lock|[Cc]ube|[Dd]is[kc]|[Cc]rate|Würfel|Klotz|[Bb]loc|[Bb]loque)s? (?:[A-Z]|\d|red|blue|green) (?:is"
        r"|are|sits|liegt|est|está)\b",
        r"(?:[Rr]ed|[Bb]lue|[Gg]reen|[Yy]ellow|[Bb]lack|[Ww]hite) (?:block|cube|ball|box|disk|crate|peg)s? (?:is|are"
        r"|sits|lies)\b",
        r"(?:on|clear|ontable|holding|at|handempty)\(\s*\w*\s*(?:,\s*\w+\s*)?\)",
    )
)
_COORDINATE = re.compile(r"\(\s*-?\d{1,3}\s*,\s*-?\d{1,3}\s*\)")
_SPACE = Phrases(
    "grid maze labyrinth robot agent board map gridworld rover drone warehouse gitter roboter grille cuadrícula "
    "laberinto",
    r"\b(?:grid|maze|labyrinth|robot|agent|board|map|gridworld|rover|drone|warehouse|gitter|roboter|grille|cuadrícula"
    r"|laberinto)\b",
)
_ASCII_MAP = re.compile(r"(?:^[#.SGABOXP@*_01 |$+T-]{3,60}[ \t]*(?:\n|$)){3,}", re.MULTILINE)
_STATE = Phrases(
    "state configuration position layout board action actions goal zustand anfangszustand zielzustand état estado",
    any_of(
        r"\b(?:current|initial|start(?:ing)?|world|goal|target|game|board|final|present) (?:state|configuration"
        r"|position|layout|board)\s*(?:[:=]|is\b)",
        r"(?<![\w,])state\s*(?:[:=]|\d\s*[:=])|\bactions?\s*[:=]|\bgoal\s*:",
        r"\b(?:aktueller |anfangs|ziel)?zustand\s*:|\bzielzustand\b",
        r"\bétat (?:actuel|initial|final)\b|\bestado (?:actual|inicial|final)\b",
    ),
)
_PUZZLE = Phrases(
    "hanoi hanoï hanói block blocks blocksworld blockworld sokoban missionaries puzzle game water shunting switch "
    "switchyard rush lights grid gridworld frozen frozenlake tic tictactoe wolf loup lobo jug jugs strips pddl",
    r"\b"
    + any_of(
        r"(?:towers?|türme|tours?|torres?) (?:of|von|de) han(?:oi|oï|ói)",
        r"blocks?[- ]?world|sokoban|missionaries and cannibals|(?:8|15|eight|fifteen)[- ]puzzle",
        r"sliding[- ](?:tile )?puzzle|game of life|water[- ]jugs?|shunting|switch ?yard|rush hour puzzle",
        r"lights out puzzle|grid ?world|frozen ?lake|tic-?tac-?toe|strips|pddl",
        r"wolf\b.{1,40}\bgoat\b.{1,40}\bcabbage|loup\b.{1,40}\bchèvre|wolf\b.{1,40}\bziege|lobo\b.{1,40}\bcabra",
        r"\d+[- ]?(?:l|litres?|liters?|gallons?)\b.{1,60}\b\d+[- ]?(?:l|litres?|liters?|gallons?)\b.{0,20}\bjugs?",
    )
    + r"\b",
)
_FEN = re.compile(r"(?<!\S)(?:[rnbqkpRNBQKP1-8]{1,8}/){7}[rnbqkpRNBQKP1-8]{1,8}(?!\S)")
_MOTION = re.compile(
    r"\b"
    + any_of(
        r"(?:goes|moves?|travels|turns|drives|steps|walks|rides|rolls|faces|facing|heads) (?:\w+ ){0,2}?(?:up|down"
        r"|left|right|forward|backward|north|south|east|west|clockwise|\d+ (?:steps?|floors?|cells?|squares?|met(?:re"
        r"|er)s?|units?))\b",
        r"(?:[Ee]levator|[Ll]ift|[Rr]obot|[Tt]rain|[Ww]agon|marble|token|rover|drone|key|ball|coin) (?:\w+ )?(?:is"
        r"|starts?|stands|sits) (?:on|at|in|under|facing)\b",
        r"(?:[Mm]oves?|[Pp]uts?|[Pp]laces?|[Pp]ours?|[Pp]ush(?:es)?|[Ss]lides?|[Ss]waps?|[Ss]hunts?|[Tt]akes?"
        r"|[Uu]nstacks?|[Ss]tacks?|carr(?:y|ies)|[Vv]erschieb\w*|[Bb]eweg\w*|[Dd]éplac\w+|[Mm]uev\w+|[Mm]over?) "
        r"(?:the |block |disk |wagon |[Ww]agen |car |disc |le |la |el |den |die )?(?:[A-Z]\d?\b|marble|key|ball|coin"
        r"|top|left|middle|right|red|blue|green|smallest)",
    )
)

_ASK = re.compile(
    r"\b"
    + any_of(
        r"what (?:happens|will happen|would happen|is the result|is (?:on|in|at|under)\b|does (?:it|the \w+) look like"
        r"|state)",
        r"what are the contents|(?:what|which) (?:moves?|actions?)\b|predict|simulat|plan\b|(?:il)?legal\b|is it "
        r"possible|solve\b|best move",
        r"(?:next|resulting|final|new|successor|goal|end) (?:state|configuration|position|layout|board|generation)\b",
        r"state (?:after\w*|now)\b|after (?:that|this|the|these|each|all|\d|\w+ing\b)|what do(?:es)? (?:each|every"
        r"|the)\b|(?:sequence|list) of (?:moves|actions|steps)",
        r"(?:how many|fewest|minimum|minimal|optimal|least) (?:\w+ )?(?:moves|steps|actions|pours|trips|number)",
        r"shortest (?:path|plan|route|sequence)|moves?\b|where (?:is|are|will|would|does|do)\b|get (?:across|to)\b",
        r"which (?:track|peg|tower|cup|box|room|floor|cell|way|stack)|reach\b|measure exactly\b",
        r"how (?:can|do|does|should) (?:i|we|he|she|they|the \w+)\b",
        r"löse\b|was passiert|zustand|wo (?:ist|steht|liegt)|wie viele züge|plane\b",
        r"que se passe|que devient|état\b|où\b|résou|qué (?:pasa|ocurre|sucede)|estado\b|dónde\b|resuelve",
    )
)
_EXPLICIT = Phrases(
    "tofy predict simulate sage bestimme prédis predice",
    r"\A\s*tofy\b[,:]|\b"
    + any_of(
        r"predict (?:the )?(?:next|resulting|successor) (?:world |game |board |grid )?state\b",
        r"simulate (?:the )?(?:next |following )?(?:\d+|two|three|four|five|ten) (?:\w+ )?(?:steps|moves|ticks|time "
        r"?steps|generations)\b",
        r"(?:sage|bestimme) (?:\w+ )?den (?:nächsten|folgenden) zustand\b",
        r"prédis l'état suivant\b|predice el (?:siguiente|próximo) estado\b",
    ),
)


_RELATION_STEMS = words(
    "b c d e f g h j k l m n o p q r s t u v w x y z bloc cube disk disc crat würf klot red blue gree yell blac whit "
    "clea onta hold hand"
)
_MOTION_STEMS = words(
    "goes move trav turn driv step walk ride roll face faci head elev lift robo trai wago marb toke rove dron key "
    "ball coin put puts plac pour push slid swap shun take unst stac carr vers bewe dépl muev mov"
)


def is_world_prompt(system: str) -> bool:
    """The system prompt makes the model a world model or a simulator."""
    return _PROMPT.search(system.lower()) is not None


def asks_about_a_world(wording: Wording) -> bool:
    """A state is described in at least two marks of whatever kind, and something is asked of what follows from it."""
    if _EXPLICIT.search(wording):
        return True
    return (_is_described(wording) and _ASK.search(wording.lower) is not None) or asks_about_a_yard(wording)


def _is_described(wording: Wording) -> bool:
    text = wording.text
    marks = min(2, _LISTING.count(wording)) + min(2, _STATE.count(wording)) + 2 * (_PUZZLE.search(wording) is not None)
    marks += (_SETTING.search(wording) or _PLACE.search(wording)) is not None
    if marks >= 2:
        return True
    if wording.has_any(_RELATION_STEMS):
        marks += min(2, len(_RELATION.findall(text)))
    if wording.has_any(_MOTION_STEMS):
        marks += min(2, len(_MOTION.findall(text)))
    if _SPACE.search(wording):
        marks += min(2, len(_COORDINATE.findall(text))) + (_ASCII_MAP.search(text) is not None) * 2
    if marks == 1 and _ASCII_MAP.search(text):
        marks = 2
    return marks >= 2 or ("/" in text and _FEN.search(text) is not None)
