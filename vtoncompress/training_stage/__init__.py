"""PF-AFN's four training stages (Ge et al., CVPR 2021, section 3): parser-based teacher, parser-free student.

base          what a stage is                 tutor         what the trained teacher gives to a student
parser_based  stages 1 and 2: the teacher     parser_free   stages 3 and 4: the student
"""
