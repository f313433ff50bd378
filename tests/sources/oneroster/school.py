"""A small school as the files of a bundle: what a test does not name is as it is here."""

from __future__ import annotations

from pathlib import Path

ORGS = """sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
vale,,,Vale District,district,VD,
elm,,,Elm Lodge,school,EL,vale
"""
SESSIONS = """sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear
spring,,,Spring,term,2024-02-05,2024-06-28,,2024
"""
COURSES = """sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes
bio,,,,Biology,BIO,,elm,,
"""
CLASSES = """sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,\
termSourcedIds,subjects,subjectCodes,periods
bio-1,,,Biology one,,bio,B1,scheduled,,elm,spring,,,
"""
USERS = """sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,\
middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
p1,,,true,elm,student,iva,,Iva,Štern,,N-17,Iva@elm.example,,,,,
p2,,,true,elm,student,odd,,Odd,Løken,,,,,,,,
t1,,,true,elm,teacher,may,,May,Orr,,,may@elm.example,,,,,
"""
ENROLLMENTS = """sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,\
endDate
n1,,,bio-1,elm,p1,student,,2024-02-05,
n2,,,bio-1,elm,p2,student,,2024-02-05,2024-04-12
n3,,,bio-1,elm,t1,teacher,true,,
"""
CATEGORIES = "sourcedId,status,dateLastModified,title\nquizzes,,,Quizzes\n"
LINE_ITEMS = """sourcedId,status,dateLastModified,title,description,assignDate,dueDate,classSourcedId,categorySourcedId,\
gradingPeriodSourcedId,resultValueMin,resultValueMax
cells,,,Cells,,2024-02-12,2024-02-19,bio-1,quizzes,spring,0,40
"""
RESULTS = """sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,comment
r1,,,cells,p1,fully graded,30,2024-02-19,
"""
SCHOOL = {
    "orgs": ORGS,
    "academicSessions": SESSIONS,
    "courses": COURSES,
    "classes": CLASSES,
    "users": USERS,
    "enrollments": ENROLLMENTS,
    "categories": CATEGORIES,
    "lineItems": LINE_ITEMS,
    "results": RESULTS,
}
_IN_1_1 = ("resources", "classResources", "courseResources", "demographics")


def manifest(version: str = "1.1", **modes: str) -> str:
    """A manifest of 1.1 in which every file that is not named is absent."""
    lines = ["propertyName,value", "manifest.version,1.0", f"oneroster.version,{version}"]
    lines += [f"file.{name},{modes.get(name, 'absent')}" for name in (*SCHOOL, *_IN_1_1)]
    lines += [f"file.{name},{mode}" for name, mode in modes.items() if name not in (*SCHOOL, *_IN_1_1)]
    return "\n".join(lines) + "\n"


ALL_BULK = manifest(**dict.fromkeys(SCHOOL, "bulk"))


def write(folder: Path, files: dict[str, str | bytes | None]) -> Path:
    """These files in `folder`; one that is None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (folder / (name if "." in name else f"{name}.csv")).write_bytes(data)
    return folder


def school(folder: Path, **changes: str | bytes | None) -> Path:
    """The school as a bundle without a manifest, some of its files otherwise."""
    return write(folder, {**SCHOOL, **changes})
