"""Rows for a first try, which `slingshot init` writes where it is given none. We wrote them; they are CC0."""

# ruff: noqa: E501

from __future__ import annotations

SAMPLE = [
    {"question": question, "answer": answer}
    for question, answer in (
        (
            "Why is the sky blue?",
            "Air scatters short waves of light more than long ones. Blue light is short, so it reaches our eyes from every direction.",
        ),
        (
            "How do I keep bread fresh?",
            "Keep it in a paper bag or a bread box at room temperature. For more than three days, slice it and freeze it.",
        ),
        (
            "What is a leap year?",
            "A year with 366 days. It has a 29 February, so that the calendar keeps pace with the orbit of the Earth.",
        ),
        (
            "How does a bicycle stay upright?",
            "The rider steers a little toward the side to which the bicycle leans. This brings the wheels back under the weight.",
        ),
        (
            "What does a thermostat do?",
            "It compares the temperature of a room with the one that you set, and turns the heating on or off.",
        ),
        (
            "How do I remove a coffee stain?",
            "Dab it with cold water at once, then wash the cloth with a little soap. Old stains need vinegar and water.",
        ),
        (
            "Why do leaves turn yellow in autumn?",
            "Trees break down the green chlorophyll before winter. The yellow pigments that were in the leaves all along become visible.",
        ),
        (
            "What is compost?",
            "Plant remains that bacteria and worms have turned into dark soil. It feeds plants and holds water.",
        ),
        (
            "How do I boil an egg?",
            "Put it into boiling water for six minutes if you like it soft, or for ten if you like it hard. Then cool it in cold water.",
        ),
        (
            "What is a watershed?",
            "The land from which all rain flows into one river. Its borders are ridges and hills.",
        ),
        (
            "Why does ice float?",
            "Water expands when it freezes, so ice is lighter than the same volume of liquid water.",
        ),
        (
            "How do I learn to type without looking?",
            "Rest your fingers on the middle row and practise a few letters each day. Care about errors first, and about speed later.",
        ),
        (
            "What is an echo?",
            "Sound that a wall or a cliff throws back. You hear it apart from the first sound if the wall is far enough away.",
        ),
        (
            "How do I sharpen a kitchen knife?",
            "Draw the blade over a wet stone at an angle of about 20 degrees, ten times on each side. Rinse it and test it on paper.",
        ),
        (
            "What does yeast do in dough?",
            "It eats sugar and gives off carbon dioxide. The gas makes bubbles, so the dough rises.",
        ),
        (
            "Why do we have time zones?",
            "Noon comes at another moment at every longitude. Zones give all places in a strip one clock.",
        ),
        (
            "How do I water plants while I am away?",
            "Put one end of a cotton string into a jar of water and the other into the soil. The string carries water to the roots.",
        ),
        (
            "What is a fuse?",
            "A thin wire that melts when too much current flows. It breaks the circuit before the cable gets hot.",
        ),
        (
            "How are rainbows made?",
            "Drops of rain bend sunlight and throw it back. Each colour bends a little differently, so the colours part.",
        ),
        (
            "What is the difference between weather and climate?",
            "Weather is what the air does today. Climate is what it does on average over many years.",
        ),
        (
            "How do I write a good summary?",
            "Read the text once and note the main point of each paragraph. Then write these points in your own words, without details.",
        ),
        (
            "Why do cats purr?",
            "Mostly when they are content, but also when they are hurt. The muscles of the throat move quickly as they breathe.",
        ),
        (
            "What is a library card for?",
            "It shows that you are a member, so you may borrow books and return them later.",
        ),
        (
            "How do I fold a paper plane?",
            "Fold the sheet in half lengthwise, then fold the front corners to the middle twice. Fold it shut and bend the wings down.",
        ),
    )
]
