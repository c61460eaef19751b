import { checkFile, checkToken } from "./seal.js";

const SAY = {
  ar: {
    name: "جماعة", title: "التحقق من وثيقة",
    how: "امسحوا رمز الوثيقة، أو قدموا ملفها (PDF) أو صورة للرمز. يتم التحقق داخل هذا الجهاز.",
    file: "ملف الوثيقة أو صورة الرمز", camera: "مسح الرمز بالكاميرا", stop: "إيقاف الكاميرا",
    private: "لا تغادر الوثيقة ولا محتواها هذا الجهاز.",
    ready: "الصفحة محفوظة في هذا الجهاز وتعمل دون اتصال.", working: "جار التحقق…",
    noCamera: "تعذر استعمال الكاميرا: قدموا صورة للرمز.",
    verdicts: {
      valid: ["الوثيقة صحيحة", "صدرت عن الإدارة ولم يتغير فيها شيء."],
      token: ["الختم صحيح", "صدر هذا الرمز عن الإدارة. قارنوا ما يلي بما هو مطبوع، أو قدموا الملف ليُتحقق من كل محتواه."],
      expired: ["انتهت صلاحية الوثيقة", "صدرت عن الإدارة، وانقضت مدة صلاحيتها."],
      superseded: ["حلت محلها وثيقة أحدث", "كانت صحيحة عند صدورها، ثم تغير ما تشهد به. اطلبوا نسخة جديدة."],
      revoked: ["الوثيقة ملغاة", "سحبتها الإدارة ولم يعد لها أثر."],
      key_revoked: ["لا يمكن الوثوق بالختم", "سُحب المفتاح الذي ختمت به. راجعوا الإدارة التي أصدرتها."],
      altered: ["الوثيقة محرفة", "لا يطابق المحتوى ما ختمته الإدارة. لا تقبلوها."],
      foreign: ["ختم مجهول", "لم يصدر عن أي مصلحة معروفة. لا تقبلوها."],
      unreadable: ["لا ختم هنا", "لم يُعثر في هذا الملف على ختم. قدموا الملف الأصلي أو صورة واضحة للرمز."],
    },
    facts: { kind: "الوثيقة", issuer: "الجهة", reference: "المرجع", holder: "صاحبها", id: "رقم الختم", issued: "تاريخ الإصدار", expires: "صالحة إلى" },
    fresh: "سُئل سجل الوثائق المسحوبة في", stale: "تعذر الاتصال بسجل الوثائق المسحوبة: آخر نسخة منه بتاريخ", never: "لم يُسأل سجل الوثائق المسحوبة: اتصلوا بالشبكة مرة لمعرفة ما سُحب.",
  },
  fr: {
    name: "Jamaa", title: "Vérifier un document",
    how: "Scannez le code du document, ou présentez son fichier (PDF) ou une photo du code. La vérification se fait dans cet appareil.",
    file: "Fichier du document, ou photo du code", camera: "Scanner avec la caméra", stop: "Arrêter la caméra",
    private: "Ni le document ni son contenu ne quittent cet appareil.",
    ready: "La page est gardée dans cet appareil : elle fonctionne hors ligne.", working: "Vérification…",
    noCamera: "La caméra n'est pas disponible : présentez une photo du code.",
    verdicts: {
      valid: ["Document authentique", "Il vient de l'administration et rien n'y a été changé."],
      token: ["Sceau authentique", "Ce code vient de l'administration. Comparez ce qui suit avec ce qui est imprimé, ou présentez le fichier pour en vérifier tout le contenu."],
      expired: ["Document expiré", "Il vient de l'administration ; sa validité est passée."],
      superseded: ["Document remplacé", "Il était exact à sa délivrance ; ce qu'il atteste a changé depuis. Demandez-en un nouveau."],
      revoked: ["Document révoqué", "L'administration l'a retiré : il est sans effet."],
      key_revoked: ["Sceau qui n'est plus fiable", "La clé qui l'a scellé a été retirée. Adressez-vous à l'administration qui l'a délivré."],
      altered: ["Document altéré", "Le contenu n'est pas celui que l'administration a scellé. Ne l'acceptez pas."],
      foreign: ["Sceau inconnu", "Aucun service connu ne l'a émis. Ne l'acceptez pas."],
      unreadable: ["Aucun sceau ici", "Ce fichier n'en contient pas de lisible. Présentez le fichier d'origine, ou une photo nette du code."],
    },
    facts: { kind: "Document", issuer: "Autorité", reference: "Référence", holder: "Titulaire", id: "N° du sceau", issued: "Délivré le", expires: "Valable jusqu'au" },
    fresh: "Registre des documents retirés consulté le", stale: "Registre des documents retirés hors d'atteinte : dernière copie du", never: "Registre des documents retirés non consulté : connectez-vous une fois pour savoir ce qui a été retiré.",
  },
  en: {
    name: "Jamaa", title: "Verify a document",
    how: "Scan the document's code, or give its file (PDF) or a photograph of the code. It is verified on this device.",
    file: "The document's file, or a photograph of the code", camera: "Scan with the camera", stop: "Stop the camera",
    private: "Neither the document nor what it says leaves this device.",
    ready: "The page is kept on this device and works offline.", working: "Verifying…",
    noCamera: "The camera cannot be used: give a photograph of the code.",
    verdicts: {
      valid: ["Authentic document", "It comes from the administration and nothing in it was changed."],
      token: ["Authentic seal", "This code comes from the administration. Compare what follows with what is printed, or give the file to have all of it verified."],
      expired: ["Expired document", "It comes from the administration; its validity has passed."],
      superseded: ["Superseded document", "It was true when it was issued; what it attests has changed since. Ask for a new one."],
      revoked: ["Revoked document", "The administration withdrew it: it has no effect."],
      key_revoked: ["A seal no longer to be trusted", "The key that sealed it was withdrawn. Ask the administration that issued it."],
      altered: ["Altered document", "The content is not what the administration sealed. Do not accept it."],
      foreign: ["Unknown seal", "No known service issued it. Do not accept it."],
      unreadable: ["No seal here", "This file holds none that can be read. Give the original file, or a sharp photograph of the code."],
    },
    facts: { kind: "Document", issuer: "Authority", reference: "Reference", holder: "Holder", id: "Seal number", issued: "Issued on", expires: "Valid until" },
    fresh: "Register of withdrawn documents asked on", stale: "Register of withdrawn documents out of reach: last copy of", never: "Register of withdrawn documents not asked: connect once to know what was withdrawn.",
  },
};

const $ = (id) => document.getElementById(id);
let language = "ar", shown = null, saved = false, camera = null;

async function published() {
  const answer = await fetch("verify/keys.json");
  if (!answer.ok) throw new Error(`keys ${answer.status}`);
  return (await answer.json()).keys;
}

// What a service withdrew, and what it calls its documents; the browser keeps the last copy.
async function register(service) {
  try {
    const answer = await fetch(`${encodeURIComponent(service)}/v1/withdrawn-documents`);
    if (!answer.ok) return null;
    return { ...(await answer.json()), stale: answer.headers.get("X-Kept") !== null };
  } catch {
    return null;
  }
}

async function judged(found) {
  if (!found.claim || found.verdict === "key_revoked") return found;
  const known = await register(found.claim.service);
  const withdrawn = known?.withdrawn.find((one) => one.id === found.claim.id);
  return { ...found, register: known, verdict: withdrawn ? withdrawn.state : found.verdict };
}

function show(found) {
  shown = found;
  const say = SAY[language], answer = $("answer");
  const [title, meaning] = say.verdicts[found.verdict === "valid" && !found.whole ? "token" : found.verdict];
  answer.hidden = false;
  answer.dataset.verdict = found.verdict;
  answer.dataset.whole = String(Boolean(found.whole));
  $("verdict").textContent = title;
  $("meaning").textContent = meaning;
  const facts = $("facts");
  facts.replaceChildren();
  const add = (label, value) => {
    if (!value) return;
    const term = document.createElement("dt"), said = document.createElement("dd");
    term.textContent = label;
    const isolated = document.createElement("bdi"); // a Latin name keeps its order and the line its side
    isolated.textContent = value;
    said.append(isolated);
    facts.append(term, said);
  };
  const { claim, content } = found;
  $("freshness").textContent = "";
  if (!claim) return;
  const script = language === "ar" ? "ar" : "fr";
  const instant = (seconds) => new Date(seconds * 1000).toLocaleString(language === "ar" ? "ar-MA" : language, { dateStyle: "long", timeZone: "Africa/Casablanca" });
  const kind = content ? content.title[script] : found.register?.kinds?.[claim.kind]?.[language];
  add(say.facts.kind, kind ?? claim.kind);
  if (content) add(say.facts.issuer, content.issuer.map((line) => line[script]).join("، "));
  if (content) add(say.facts.reference, content.reference);
  add(say.facts.holder, Object.values(claim.names).join(" · "));
  for (const field of content?.fields ?? []) {
    add(field.label[script], field.value.und ?? Object.values(field.value).join(" · "));
  }
  for (const [number, mention] of (content?.mentions ?? []).entries()) add(String(number + 1), mention[script] ?? Object.values(mention).join(" · "));
  add(say.facts.issued, instant(claim.issuedAt));
  if (claim.expiresAt) add(say.facts.expires, instant(claim.expiresAt));
  add(say.facts.id, claim.id);
  const known = found.register;
  $("freshness").textContent = known
    ? `${known.stale ? say.stale : say.fresh} ${new Date(known.as_of).toLocaleString(language === "ar" ? "ar-MA" : language)}`
    : say.never;
}

function wait() {
  $("answer").hidden = false;
  $("answer").removeAttribute("data-verdict");
  $("facts").replaceChildren();
  $("verdict").textContent = SAY[language].working;
  $("meaning").textContent = $("freshness").textContent = "";
}

async function verifyToken(token) {
  wait();
  show(await judged(await checkToken(token, await published(), Date.now())));
}

const tokenIn = (text) => text.includes("#") ? text.slice(text.lastIndexOf("#") + 1) : text;

// Sizes at which the decoder has a chance with photographs as large as phones take them.
function decoded(source, width, height) {
  const canvas = document.createElement("canvas");
  for (const most of [1600, 1000, 2400, 700]) {
    const scale = Math.min(1, most / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const code = jsQR(data, canvas.width, canvas.height, { inversionAttempts: "dontInvert" });
    if (code?.data) return code.data;
    if (scale === 1) return null;
  }
  return null;
}

async function verifyFile(file) {
  wait();
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (String.fromCharCode(...bytes.slice(0, 5)) === "%PDF-") {
    show(await judged(await checkFile(bytes, await published(), Date.now())));
    return;
  }
  let picture;
  try { picture = await createImageBitmap(file); } catch { show({ verdict: "unreadable" }); return; }
  const text = decoded(picture, picture.width, picture.height);
  if (text === null) show({ verdict: "unreadable" });
  else await verifyToken(tokenIn(text));
}

async function toggleCamera() {
  const video = $("video");
  if (camera) return stopCamera();
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    $("camera").firstElementChild.textContent = SAY[language].noCamera;
    return;
  }
  video.srcObject = camera;
  video.hidden = false;
  await video.play();
  $("camera").firstElementChild.textContent = SAY[language].stop;
  const look = async () => {
    if (!camera) return;
    const text = video.videoWidth ? decoded(video, video.videoWidth, video.videoHeight) : null;
    if (text === null) { setTimeout(look, 150); return; }
    stopCamera();
    await verifyToken(tokenIn(text));
  };
  look();
}

function stopCamera() {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = null;
  $("video").hidden = true;
  $("camera").firstElementChild.textContent = SAY[language].camera;
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.documentElement.dir = chosen === "ar" ? "rtl" : "ltr";
  document.title = SAY[chosen].title;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = SAY[chosen][element.dataset.say];
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
  $("offline").textContent = saved ? SAY[chosen].ready : "";
  if (shown) show(shown);
}

for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => speak(button.dataset.language));
$("file").addEventListener("change", (event) => { if (event.target.files[0]) verifyFile(event.target.files[0]); event.target.value = ""; });
$("camera").addEventListener("click", toggleCamera);
speak(["ar", "fr", "en"].find((known) => navigator.language.startsWith(known)) ?? "ar");

function fromAddress() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname); // it names a person: not for the history
  verifyToken(token);
}
addEventListener("hashchange", fromAddress);
fromAddress();

if ("serviceWorker" in navigator) {
  await navigator.serviceWorker.register("verify/worker.js", { scope: "verify" });
  if (!navigator.serviceWorker.controller) {
    await new Promise((taken) => navigator.serviceWorker.addEventListener("controllerchange", taken, { once: true }));
  }
  const services = new Set((await published()).map((key) => key.service));
  await Promise.all([...services].map(register)); // so that the browser has a copy
  saved = true;
  speak(language);
  document.body.dataset.saved = "true";
}
