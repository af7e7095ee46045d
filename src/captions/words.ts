// Words beside a name that tell whether it is a person's, in the languages of the large agencies.

const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/).filter(word => word !== ''))

/** Folded titles and roles that come before a name and are no part of it. */
export const TITLES = set(`
  rev reverend sens reps govs gens mr mrs ms miss dr prof
  professor sir dame lord lady sen senator rep representative congressman congresswoman gov governor
  president vice minister premier chancellor secretary ambassador mayor judge justice king queen prince princess pope bishop
  archbishop cardinal imam rabbi general gen colonel col major maj captain capt lieutenant lt sergeant sgt admiral commander
  officer chief coach manager trainer captain striker forward defender midfielder goalkeeper keeper winger guard center
  quarterback pitcher catcher driver rider champion winner medalist runner swimmer skater boxer golfer player star actor actress
  singer rapper musician guitarist pianist conductor composer director producer author writer novelist poet artist painter model
  designer host anchor journalist photographer leader candidate nominee lawmaker politician democrat republican activist lawyer
  attorney prosecutor executive ceo chairman chairwoman founder billionaire businessman businesswoman former late then first
  actors singers brothers sisters father mother son daughter wife husband brother sister teammate compatriot
  herr frau bundeskanzler bundeskanzlerin kanzler kanzlerin bundesprasident prasident prasidentin minister ministerin
  ministerprasident ministerprasidentin senator senatorin burgermeister burgermeisterin abgeordneter abgeordnete trainer sanger
  sangerin schauspieler schauspielerin regisseur regisseurin autor autorin torwart sturmer konig konigin papst
  monsieur madame mademoiselle m mme mlle ministre president presidente depute deputee senateur senatrice maire chanteur chanteuse
  acteur actrice realisateur ecrivain joueur entraineur roi reine
  don dona senor senora sr sra presidente presidenta ministro ministra senador senadora diputado diputada alcalde alcaldesa
  cantante actor actriz futbolista entrenador rey reina papa
  signor signora presidente ministro sindaco attore attrice cantante allenatore onorevole deputato senatore
  pan pani prezydent premier minister posel senator trener prezident ministr predseda herec herecka zpevak
  президент премьер министр депутат губернатор мэр генерал певица певец актер актриса тренер спортсмен
`)

/** Folded words after which a name is that of a place, an institution or a thing. */
export const THINGS = set(`
  university college school academy institute airport building memorial library museum foundation stadium arena park street
  avenue road boulevard square bridge tunnel hospital clinic church cathedral theater theatre hall house tower plaza highway
  expressway dam island islands lake river mount mountain county city town village district station terminal prize award medal
  cup trophy open classic invitational championship tournament company corporation corp inc ltd llc group motors motor bank
  securities brothers airlines records studios act amendment bill doctrine plan administration campaign cabinet government
  commission committee report center centre complex dormitory auditorium gallery collection space telescope ship class carrier
  elementary shirt shirts jersey jerseys mask masks costume costumes doll dolls puppet puppets sticker stickers poster posters statue
  statues portrait mural impersonator impersonators lookalike lookalikes wig
  trikot maske plakat denkmal statue maillot masque affiche camiseta cartel mascara maglia
  universitat schule akademie flughafen strasse platz brucke haus stadion stiftung museum preis pokal regierung kabinett allee
  universite ecole lycee aeroport rue avenue pont stade fondation musee prix hopital gouvernement
  universidad escuela colegio aeropuerto calle avenida puente estadio fundacion museo premio gobierno
  universita scuola aeroporto via piazza ponte stadio fondazione museo premio governo
  university univerzita letiste ulice namesti most stadion nadace cena vlada lotnisko ulica most nagroda rzad
`)

/** Words between a name and the kind of thing that bears it. */
export const QUALIFIERS = set('international national regional federal presidential memorial public elementary middle high state art')

/** Capitalised words after a possessive that make it the name of a house: "Toots Shor's Restaurant". */
export const VENUES = set('castle pub inn tavern restaurant grill grille diner cafe bar steakhouse deli bistro pizzeria bakery')

/** Folded words before which a name is that of a thing: ships, places, addresses. */
export const THINGS_BEFORE = set(`
  uss hms ss fort mount port cape lake hurricane court rue calle avenida avenue via plaza plac place piazza ulice ulica lycee
  aeropuerto aeroport aeroporto estadio stade stadio teatro theatre hospital hopital universidad universite universita colegio
  escuela ecole scuola pont puente ponte museo musee premio prix trofeo trophee copa
`)

/** Folded capitalised words that follow a name without being part of it. */
export const NOT_PART_OF_NAME = set(`
  monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october
  november december montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi
  dimanche lunes martes miercoles jueves viernes sabado domingo jr sr ii iii iv l r c d i and
`)

/** Folded prepositions before a word that is then a place or belongs to a longer name. */
export const BEFORE_PLACES = set('in at near outside of aus bei im en a w we v ve nei nel di de del dans в у на')

/** Folded verbs that follow the name of a person. */
export const SPEAKS = set(`
  said says told tells speaks spoke talks talked waves waved smiles smiled laughs laughed looks looked listens listened arrives
  arrived leaves attends attended celebrates celebrated reacts reacted gestures gestured poses posed walks walked holds held shakes
  shook meets met addresses addressed answers answered wins won scores scored plays played hugs hugged kisses kissed greets greeted
  embraces embraced applauds testifies testified leads beats defeats lifts serves returns sagt sagte spricht sprach winkt winkte
  jubelt dit declare salue dijo dice saluda saludo habla llama
`)

/** Folded titles before a given name alone, or before a word that is no name. */
export const NO_SURNAME_AFTER = set(
  'king queen prince princess pope saint st papst papa roi reine rey reina konig konigin former late then first'
)
