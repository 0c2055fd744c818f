"""The words of text content, in the order of their numbers: part of the format."""

WORDS = """
    ability account achieve acquire address advance adviser airline
    airport already amazing analyst ancient another anxiety anybody
    applied arrange arrival article assault assumed attempt attract
    auction average awkward balance banking bargain barrier battery
    bearing beating because bedroom believe beneath benefit besides
    between billion biology blanket booking bracket breathe brother
    builder burning cabinet caliber calling capable capital captain
    capture cardiac careful carrier caution ceiling central century
    certain chamber channel chapter charity charter chicken chronic
    circuit citizen classic climate closely clothes coastal coating
    collect college combine comfort command comment company compare
    compete complex concept concern concert conduct confirm connect
    consent consist contact contain content contest context control
    convert cooking correct council counter country courage covered
    creator crucial crystal culture current cutting dealing decided
    decline default deficit deliver density deposit desktop despite
    destroy develop devoted diamond digital discuss disease display
    dispute distant diverse divided drawing driving dynamic eastern
    economy edition elderly element emotion emperor endless enhance
    essence evening evident exactly examine example excited exclude
    expense explain explore express extract extreme factory faculty
    failure fashion feature federal feeling fiction fifteen filling
    finance finding fishing fitness foreign forever formula fortune
    forward founder freedom further gallery gateway general genetic
    genuine gravity greatly habitat healthy hearing heating heavily
    helpful highway history holiday housing however hundred husband
    illegal illness imagine imaging improve include initial inquiry
    insight install instant instead intense interim involve journal
    journey justice justify killing kingdom kitchen knowing landing
    largely lasting leading learned leisure liberal liberty library
    license limited listing logical loyalty machine manager married
    massive maximum meaning measure medical meeting mention message
""".split()
