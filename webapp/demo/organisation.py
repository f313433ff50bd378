"""The demo organisation's departments, programs, courses and people, as plain data."""

from __future__ import annotations

import random

# code, name, code of the department above
DEPARTMENTS = [
    ("northgate", "Northgate College", None),
    ("registry", "Registry", "northgate"),
    ("arts", "Faculty of Arts", "northgate"),
    ("history", "History", "arts"),
    ("languages", "Languages", "arts"),
    ("science", "Faculty of Science", "northgate"),
    ("biology", "Biology", "science"),
    ("computing", "Computing", "science"),
    ("physics", "Physics", "science"),
    ("health", "School of Health", "northgate"),
    ("professional", "Professional Development", "northgate"),
]

# name, department
TEAMS = [("Exam office", "registry"), ("Student success", "registry"), ("Science office", "science")]

# code, name, department
PROGRAMS = [
    ("BA-HIST", "BA History", "history"),
    ("BA-LANG", "BA Modern Languages", "languages"),
    ("BSC-BIO", "BSc Biology", "biology"),
    ("BSC-CS", "BSc Computing", "computing"),
    ("BSC-PHYS", "BSc Physics", "physics"),
    ("BN-NURS", "Bachelor of Nursing", "health"),
    ("CPD", "Workplace certificates", "professional"),
]

# code, name, program; the department is the program's
COURSES = [
    ("HIS101", "The Making of Modern Europe", "BA-HIST"),
    ("HIS204", "Reading Medieval Manuscripts", "BA-HIST"),
    ("LAN110", "Español I", "BA-LANG"),
    ("LAN120", "Français: écrire et parler", "BA-LANG"),
    ("BIO101", "Cells and Genes", "BSC-BIO"),
    ("BIO230", "Ecology in the Field", "BSC-BIO"),
    ("CS101", "Programming for Everyone", "BSC-CS"),
    ("CS220", "Databases", "BSC-CS"),
    ("CS315", "Human–Computer Interaction", "BSC-CS"),
    ("PHY101", "Mechanics", "BSC-PHYS"),
    ("PHY210", "Waves and Light", "BSC-PHYS"),
    ("NUR101", "Foundations of Care", "BN-NURS"),
    ("NUR240", "Medication Safety", "BN-NURS"),
    ("CPD010", "Fire Safety", "CPD"),
    ("CPD020", "Data Protection", "CPD"),
    ("CPD030", "First Aid at Work", "CPD"),
]

# e-mail, name, roles, department, teams
STAFF = [
    ("registrar@demo.example", "Rosa Delgado", ["staff"], "northgate", ["Exam office", "Student success"]),
    ("manager@demo.example", "Martin Okafor", ["department-admin"], "science", ["Science office"]),
    ("instructor@demo.example", "Ingrid Sørensen", ["instructor"], "computing", ["Science office"]),
    ("admin@demo.example", "Aisha Rahman", ["system-admin"], "northgate", []),
    ("exams@demo.example", "Peter Novák", ["staff"], "northgate", ["Exam office"]),
    ("arts.office@demo.example", "Claire Dubois", ["staff"], "arts", []),
    ("arts.dean@demo.example", "Giulia Conti", ["department-admin"], "arts", []),
    ("science.office@demo.example", "Wei Zhang", ["staff"], "science", ["Science office"]),
    ("health.office@demo.example", "Grace Mwangi", ["staff"], "health", ["Student success"]),
    ("content@demo.example", "Tomás Herrera", ["content-admin"], "northgate", []),
    ("billing@demo.example", "Beatrice Lindqvist", ["billing-admin"], "registry", []),
]

GIVEN_NAMES = [
    "Amélie",
    "Ana",
    "Aoife",
    "Arjun",
    "Beatriz",
    "Björn",
    "Camila",
    "Chidi",
    "Chloé",
    "Dámaso",
    "Deniz",
    "Diego",
    "Elif",
    "Emeka",
    "Emma",
    "Fatima",
    "Finn",
    "Gabriela",
    "Hana",
    "Haruki",
    "Hugo",
    "Ines",
    "Ivan",
    "Jamal",
    "Jing",
    "João",
    "Jürgen",
    "Kaito",
    "Karim",
    "Kateryna",
    "Lea",
    "Liam",
    "Lucía",
    "Łukasz",
    "Mateo",
    "Maya",
    "Mei",
    "Mohammed",
    "Ngozi",
    "Nikolai",
    "Noor",
    "Nuno",
    "Olga",
    "Omar",
    "Oskar",
    "Priya",
    "Quentin",
    "Rania",
    "Renée",
    "Sakura",
    "Samuel",
    "Sara",
    "Siobhán",
    "Sofía",
    "Søren",
    "Tariq",
    "Thandi",
    "Uma",
    "Viktor",
    "Wanjiru",
    "Xiu",
    "Yara",
    "Youssef",
    "Zofia",
]

FAMILY_NAMES = """Adeyemi Ahmed Álvarez Andersen Bakker Bauer Bianchi Brown Castro Chen Cohen Costa Diallo Díaz Dubois
Eriksson Fernández Fischer García González Haddad Hansen Hernández Ito Ivanova Jansen Jiménez Kaya Kim Kowalski Kumar
Lefèvre López Martín Mbeki Moreau Müller Nakamura Ndiaye Nguyen Novák O’Brien Okoye Olsen Patel Pereira Petrov Popescu
Ramírez Rossi Sánchez Sato Schmidt Silva Singh Smith Suzuki Torres Tremblay van~Dijk Wang Weber Yılmaz Zhao""".replace(
    "\n", " "
).split()

# name, content type; one set for each course
CONTENTS = [
    ("Welcome and syllabus", "page"),
    ("Unit 1 reading", "page"),
    ("Unit 2 reading", "page"),
    ("Unit 3 reading", "page"),
    ("Unit 1 lecture", "video"),
    ("Unit 2 lecture", "video"),
    ("Discussion", "forum"),
    ("Practice module", "scorm"),
    ("Assignment 1", "assessment"),
    ("Assignment 2", "assessment"),
    ("Final examination", "assessment"),
]


def name_of_somebody(chance: random.Random) -> str:
    """A given name and a family name."""
    family = chance.choice(FAMILY_NAMES).replace("~", " ")
    return f"{chance.choice(GIVEN_NAMES)} {family}"
