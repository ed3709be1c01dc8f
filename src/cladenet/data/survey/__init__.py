"""What is known of the files of a data set, found out once and kept from one start to the next."""
