"""Words that tell what an instruction asks for and what it asks about. Data."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


STRONG_VERBS = _words(
    # English
    "refactor rewrite restructure modernize modernise simplify optimize optimise explain "
    "parallelize parallelise vectorize reimplement redesign "
    # German, French, Spanish, Portuguese, Italian
    "refaktoriere refaktorisiere refaktorieren umschreiben schreibe vereinfache optimiere "
    "erkläre übersetze dokumentiere réécris réécrire réécrivez refactorise refactoriser "
    "refactorisez simplifie simplifier explique expliquer traduis documente reescribe "
    "reescribir refactoriza refactorizar simplifica optimiza explica traduce documenta "
    "reescreva refatore simplifique otimize explique riscrivi semplifica ottimizza spiega "
    "traduci"
)
"""Verbs that begin an order about code wherever they begin a comment."""

WEAK_VERBS = _words(
    "add make use convert translate document debug port migrate write implement create remove "
    "delete replace change update generate complete improve fix rename extract split merge move "
    "turn wrap handle let give show find tell describe review check test annotate clean speed "
    "reduce avoid stop mache füge ändere ersetze entferne implementiere ergänze verbessere "
    "behebe ajoute ajouter remplace supprime corrige améliore añade agrega cambia elimina "
    "reemplaza mejora adicione substitua corrija aggiungi cambia sostituisci correggi"
)
"""Verbs that begin an order, but also many a comment on what the code does."""

NOUNS = _words(
    "function functions method methods class classes struct type interface trait enum module "
    "coroutine routine procedure def fn func fun handler constructor macro table funktion "
    "methode klasse fonction méthode classe función método clase"
)
"""What stands beside a name: "the function fetch", "the fetch method"."""

ASKED_ABOUT = _words("does do works work returns is")
"""What stands beside a name in a question: "what fetch does", "why is fetch slow"."""

JOINERS = _words("and or und oder et ou y o e sowie plus")
CONTAINMENT = _words("of in from on within inside von der des im aus de du dans en del")
"""What stands before the place of something: "fetch in Client"."""

ARTICLES = _words("the a an my our its der die das le la les el los un une una")
FUNCTION_WORDS = _words(
    "a an the this that these those it its to into of in on at by for from with without and or "
    "not as is are be so all any each every then than when where which who what how why do does "
    "you i me we our please can could should must will would if else while also just same other "
    "new only async await sync static public private first last two more less better up out"
)
"""Words that are a name only when they are written like one."""

POINTERS = _words("a an the this that these those it its all any each every my our me us")
"""Words that stand for an object and are none: "refactor this"."""

COMMON = FUNCTION_WORDS | _words(
    "use using make add get set put run start stop list dict map string int float bool object "
    "data value values key keys item items name names file files code class function method "
    "type test tests io error errors return returns call calls change remove delete update my "
    "fast faster instead one"
)
"""Words too frequent in instructions to be taken for a name without a sign."""
