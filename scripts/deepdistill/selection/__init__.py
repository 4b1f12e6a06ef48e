"""Selection: which responses a student is trained on, and the data sets made of them."""
