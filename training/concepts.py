"""The things `mini` can draw: their pictures' code points, their names in English and Spanish, their synonyms.

One line a concept: code point, English names, Spanish names. The first name is the concept's own, the others are
synonyms; Spanish names carry `m`, `f`, `mp` or `fp` (gender, plural), English plurals a final `*`.
"""

from dataclasses import dataclass

ANIMALS = """
1F415 dog, puppy; perro m, cachorro m
1F408 cat, kitten; gato m, gatito m
1F98A fox; zorro m, raposa f
1F43A wolf; lobo m
1F99D raccoon; mapache m
1F981 lion; león m
1F405 tiger; tigre m
1F40E horse, pony; caballo m, corcel m
1F984 unicorn; unicornio m
1F993 zebra; cebra f
1F98C deer; ciervo m, venado m
1F404 cow; vaca f
1F416 pig, hog; cerdo m, cochino m
1F411 sheep, ewe; oveja f
1F42B camel; camello m
1F999 llama, alpaca; llama f, alpaca f
1F992 giraffe; jirafa f
1F418 elephant; elefante m
1F98F rhinoceros, rhino; rinoceronte m
1F99B hippopotamus, hippo; hipopótamo m
1F401 mouse; ratón m
1F407 rabbit, bunny; conejo m, conejito m
1F994 hedgehog; erizo m
1F987 bat; murciélago m
1F43B bear; oso m
1F428 koala; koala m
1F43C panda; panda m
1F998 kangaroo; canguro m
1F412 monkey, ape; mono m, simio m
1F98D gorilla; gorila m
1F9A5 sloth; perezoso m
1F414 chicken, hen; gallina f
1F413 rooster, cock; gallo m
1F426 bird; pájaro m
1F427 penguin; pingüino m
1F985 eagle; águila m
1F986 duck; pato m
1F9A2 swan; cisne m
1F989 owl; búho m, lechuza f
1F9A9 flamingo; flamenco m
1F99A peacock; pavo real m
1F99C parrot; loro m, papagayo m
1F438 frog, toad; rana f, sapo m
1F40A crocodile, alligator; cocodrilo m, caimán m
1F422 turtle, tortoise; tortuga f
1F98E lizard; lagarto m
1F40D snake, serpent; serpiente f, culebra f
1F409 dragon; dragón m
1F995 dinosaur, brontosaurus; dinosaurio m, brontosaurio m
1F433 whale; ballena f
1F42C dolphin; delfín m
1F9AD seal; foca f
1F420 fish; pez m
1F421 pufferfish, blowfish; pez globo m
1F988 shark; tiburón m
1F419 octopus; pulpo m
1F980 crab; cangrejo m
1F99E lobster; langosta f, bogavante m
1F40C snail; caracol m
1F98B butterfly; mariposa f
1F41D bee, honeybee; abeja f
1F41E ladybug, ladybird; mariquita f
1F577 spider; araña f
"""

FOOD = """
1F34E apple; manzana f
1F350 pear; pera f
1F34A orange, tangerine; naranja f, mandarina f
1F34B lemon; limón m
1F34C banana; plátano m, banana f
1F349 watermelon; sandía f
1F347 grapes*; uvas fp
1F353 strawberry; fresa f
1F352 cherries*; cerezas fp
1F351 peach; melocotón m, durazno m
1F34D pineapple; piña f, ananá f
1F965 coconut; coco m
1F95D kiwi; kiwi m
1F345 tomato; tomate m
1F951 avocado; aguacate m
1F346 eggplant, aubergine; berenjena f
1F955 carrot; zanahoria f
1F33D corn cob, ear of corn; mazorca de maíz f, espiga de maíz f
1F966 broccoli plant; brócoli m
1F344 mushroom, toadstool; seta f, champiñón m
1F950 croissant; cruasán m
1F968 pretzel; pretzel m
1F9C0 cheese; queso m
1F354 hamburger, burger; hamburguesa f
1F35F french fries*, chips*; patatas fritas fp, papas fritas fp
1F355 pizza, slice of pizza; pizza f
1F32D hot dog; perrito caliente m
1F32E taco; taco m
1F373 fried egg; huevo frito m
1F37F popcorn box; caja de palomitas f
1F366 ice cream; helado m
1F369 doughnut, donut; dónut m, rosquilla f
1F36A cookie, biscuit; galleta f
1F382 birthday cake, cake; tarta f, pastel m
1F9C1 cupcake, muffin; magdalena f
1F36D lollipop; piruleta f
2615 cup of coffee, coffee cup; taza de café f, taza f
1F37A mug of beer, beer; jarra de cerveza f, cerveza f
1F377 glass of wine, wine glass; copa de vino f
"""

PLANTS = """
1F339 rose; rosa f
1F33B sunflower; girasol m
1F337 tulip; tulipán m
1F335 cactus; cactus m
1F334 palm tree, palm; palmera f
1F332 fir tree, pine tree; abeto m, pino m
1F333 tree, oak; árbol m, roble m
1F341 maple leaf; hoja de arce f
1F340 clover, four leaf clover; trébol m
"""

VEHICLES = """
1F697 car, automobile; coche m, carro m, automóvil m
1F695 taxi, cab; taxi m
1F68C bus; autobús m
1F692 fire engine, fire truck; camión de bomberos m
1F691 ambulance; ambulancia f
1F69C tractor; tractor m
1F6B2 bicycle, bike; bicicleta f, bici f
1F3CD motorcycle, motorbike; motocicleta f, moto f
1F682 train, locomotive; tren m, locomotora f
2708 airplane, plane; avión m, aeroplano m
1F681 helicopter; helicóptero m
1F680 rocket, spaceship; cohete m, nave espacial f
1F6F8 flying saucer, ufo; platillo volante m, ovni m
26F5 sailboat, sailing boat; velero m, barco de vela m
1F6A2 ship, boat; barco m, buque m
"""

OBJECTS = """
1F3E0 house, home; casa f
1F3F0 castle; castillo m
26FA tent; tienda de campaña f
1F388 balloon; globo m
1F381 gift, present; regalo m
26BD football, soccer ball; balón de fútbol m, balón m
1F3C0 basketball; balón de baloncesto m
1F3B8 guitar; guitarra f
1F3BB violin; violín m
1F3BA trumpet; trompeta f
1F941 drum; tambor m
1F4F7 camera; cámara f
1F4BB laptop, computer; portátil m, ordenador m
1F4FA television, tv; televisor m, televisión f
23F0 alarm clock, clock; despertador m, reloj m
1F4A1 light bulb; bombilla f
1F56F candle; vela f
1F4D5 book; libro m
270F pencil; lápiz m
2702 scissors*; tijeras fp
1F511 key; llave f
1F528 hammer; martillo m
2602 umbrella; paraguas m
1F451 crown; corona f
1F3A9 top hat, hat; sombrero de copa m, sombrero m
1F453 glasses*, eyeglasses*; gafas fp, lentes mp
1F45F sneaker, shoe; zapatilla f, zapato m
1F48E diamond, gem; diamante m, gema f
1F3C6 trophy; trofeo m
1F9F8 teddy bear, teddy; osito de peluche m, peluche m
1F514 bell; campana f
1F4A3 bomb; bomba f
1FA91 chair; silla f
1F3B2 die, dice; dado m
1F9F2 magnet; imán m
1F52D telescope; telescopio m
"""

SKY = """
1F31E sun; sol m
2601 cloud; nube f
1F308 rainbow; arcoíris m
2744 snowflake; copo de nieve m
26C4 snowman; muñeco de nieve m
2B50 star; estrella f
1F525 fire, flame; fuego m, llama de fuego f
26A1 lightning bolt, lightning; rayo m, relámpago m
1FA90 planet, saturn; planeta m, saturno m
1F30B volcano; volcán m
1F30D earth, globe; tierra f, globo terráqueo m
"""

FACES = """
1F604 smiling face, smiley; cara sonriente f, carita f
1F60D face with heart eyes, face in love; cara enamorada f, cara con ojos de corazón f
1F60E face with sunglasses, cool face; cara con gafas de sol f, cara guay f
1F62D crying face; cara llorando f, cara triste f
1F621 angry face; cara enfadada f, cara enojada f
1F916 robot; robot m
1F47B ghost; fantasma m
1F47D alien, extraterrestrial; extraterrestre m, alienígena m
1F480 skull; calavera f, cráneo m
1F383 halloween pumpkin, jack-o'-lantern; calabaza de halloween f, calabaza f
1F921 clown; payaso m
2764 heart; corazón m
1F9D1-200D-1F680 astronaut; astronauta m, cosmonauta m
1F9DC-200D-2640 mermaid; sirena f
1F9D9 wizard, mage; mago m, hechicero m
1F478 princess; princesa f
1F385 santa claus, father christmas; papá noel m, santa m
1F9DB vampire; vampiro m
"""

GROUPS = {
    "animals": ANIMALS,
    "food": FOOD,
    "plants": PLANTS,
    "vehicles": VEHICLES,
    "objects": OBJECTS,
    "sky": SKY,
    "faces": FACES,
}


@dataclass(frozen=True)
class Name:
    """One name of a thing in one language.

    Attributes
    ----------
    text
        The name without its article.
    kind
        Spanish gender and number, `m`, `f`, `mp` or `fp`; in English `s` or `p`.
    """

    text: str
    kind: str

    @property
    def plural(self) -> bool:
        return self.kind.endswith("p")


@dataclass(frozen=True)
class Concept:
    """One thing that can be drawn.

    Attributes
    ----------
    code
        The code points of its sprite, in upper-case hexadecimal, joined by `-`.
    group
        A key of `GROUPS`.
    en, es
        Its names; the first is its own, the others are synonyms.
    """

    code: str
    group: str
    en: tuple[Name, ...]
    es: tuple[Name, ...]

    @property
    def key(self) -> str:
        return self.en[0].text


def _read(line: str, group: str) -> Concept:
    code, _, names = line.partition(" ")
    english, _, spanish = names.partition(";")
    en = tuple(Name(n.strip().rstrip("*"), "p" if n.endswith("*") else "s") for n in english.split(","))
    es = tuple(Name(*n.strip().rsplit(" ", 1)) for n in spanish.split(","))
    return Concept(code, group, en, es)


CONCEPTS: tuple[Concept, ...] = tuple(
    _read(line, group) for group, lines in GROUPS.items() for line in lines.strip().splitlines()
)
BY_KEY: dict[str, Concept] = {concept.key: concept for concept in CONCEPTS}
